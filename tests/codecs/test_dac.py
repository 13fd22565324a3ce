"""DAC with random weights in the hub's format; held against the authors' package in `tests_upstream`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.audio import music
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.dac import EXPECTED, Dac
from m2l_bench.systems.codec_runner import CodecRunner


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("dac")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Plain weights, as published: the weight normalisation of training is folded in."""
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "model.safetensors"


def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(Dac(*files), features=64)
    check_runner(Dac(*files))


@pytest.mark.parametrize("codebooks", [1, 4, 9])
def test_equal_to_transformers(files: tuple[Path, Path], model: Any, codebooks: int) -> None:
    """Its own call, end to end, of a length of whole frames: of others it gives too few samples."""
    codec = Dac(*files, codebooks=codebooks)
    clip = audio(codec, 20 * 512)
    with torch.no_grad():
        theirs = model(clip, n_quantizers=codebooks)
    codes = codec.encode(clip)
    assert codes.shape == (1, codebooks, 20)
    assert torch.equal(codes.long(), theirs.audio_codes)
    torch.testing.assert_close(codec.decode(codes, clip.shape[-1])[:, 0], theirs.audio_values, rtol=0, atol=1e-5)
    torch.testing.assert_close(codec.features(clip), model.encoder(clip), rtol=0, atol=1e-6)


def test_rate_and_features_of_any_number_of_codebooks(files: tuple[Path, Path]) -> None:
    """10 bits a codebook and frame: 7.75 kb/s with all nine; features do not depend on it."""
    clip = music(1.0)
    for codebooks in (9, 4):
        cost = CodecRunner(Dac(*files, codebooks=codebooks)).reconstruct("clip", clip, 44_100).cost
        assert cost["latent_values"] == codebooks * 87
        assert cost["latent_bytes"] == -(-codebooks * 87 * 10 // 8)
    features = [Dac(*files, codebooks=k).features(torch.from_numpy(clip[None])) for k in (9, 4)]
    assert torch.equal(*features)


def test_chunks_keep_the_middle(files: tuple[Path, Path]) -> None:
    """The decoder is convolutional, so that only codes near the edges of a chunk differ."""
    clip = music(1.0)
    whole = CodecRunner(Dac(*files)).reconstruct("clip", clip, 44_100).audio
    chunked = CodecRunner(Dac(*files), chunk_seconds=0.6, overlap_seconds=0.2, batch_size=1)
    reconstruction = chunked.reconstruct("clip", clip, 44_100).audio
    assert abs(reconstruction[:, :10_000] - whole[:, :10_000]).max() < 1e-4


def test_its_codes_are_counted(files: tuple[Path, Path]) -> None:
    """Also those of overlapping chunks: 0.6 s and 0.4 s and what both share, which is 0.2 s."""
    clip = music(1.0)
    runner = CodecRunner(Dac(*files), chunk_seconds=0.6, overlap_seconds=0.2, batch_size=1)
    result = runner.reconstruct("clip", clip, 44_100)
    assert result.code_counts is not None and result.code_counts.shape == (9, 1024)
    assert result.code_counts.sum() == result.cost["latent_values"]
    whole = CodecRunner(Dac(*files)).reconstruct("clip", clip, 44_100).code_counts
    codes = Dac(*files).encode(torch.from_numpy(clip[None]))
    assert whole is not None
    for counts, codebook in zip(whole, codes[0], strict=True):
        assert counts.tolist() == torch.bincount(codebook.long(), minlength=1024).tolist()


@pytest.mark.parametrize("codebooks", [0, 10])
def test_no_such_number_of_codebooks(files: tuple[Path, Path], codebooks: int) -> None:
    with pytest.raises(ValueError, match=f"codebooks is {codebooks}: expected 1 to 9"):
        Dac(*files, codebooks=codebooks)


def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(Dac, *files, EXPECTED, capfd)
    check_bad_configurations(
        Dac,
        *files,
        EXPECTED,
        ('{"model_type": "dac", "sampling_rate": 24000}', "sampling_rate is 24000 instead of 44100"),
        ('{"model_type": "encodec", "sampling_rate": 44100}', "model_type is 'encodec' instead of 'dac'"),
        ('{"model_type": "dac", "sampling_rate": 44100, "n_codebooks": "many"}', "cannot be used"),
        ('{"model_type": "dac", "sampling_rate": 44100, "codebook_size": 1000}', "cannot be used"),
    )
