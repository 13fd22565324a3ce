"""EnCodec 48 kHz with random weights in the hub's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.audio import music
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.encodec import EXPECTED, EnCodec
from m2l_bench.systems.codec_runner import CodecRunner


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("encodec")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "model.safetensors"


def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(EnCodec(*files), features=16)
    check_runner(EnCodec(*files))


@pytest.mark.parametrize("samples", [10_000, 47_520, 47_521, 48_000, 48_001, 100_000])
@pytest.mark.parametrize("codebooks", [2, 16])
def test_equal_to_transformers(files: tuple[Path, Path], model: Any, codebooks: int, samples: int) -> None:
    """Its own call, end to end, with one segment, and with two and three whose last is a sample, or nearly whole."""
    codec = EnCodec(*files, codebooks=codebooks)
    clip = torch.cat([audio(codec, samples), 0.1 * audio(codec, samples, seed=1)])
    with torch.no_grad():
        theirs = model(clip, bandwidth=1.5 * codebooks)
        ours = codec.decode(codec.encode(clip), samples)
    assert ours.shape == clip.shape
    torch.testing.assert_close(ours, theirs.audio_values[..., :samples], rtol=0, atol=1e-5)


def test_the_latents_are_the_codes_and_levels(files: tuple[Path, Path], model: Any) -> None:
    codec = EnCodec(*files, codebooks=4)
    clip = audio(codec, 60_000)
    with torch.no_grad():
        codes, levels, _ = model.encode(clip, bandwidth=6.0, return_dict=False)
    latents = codec.encode(clip)
    assert latents.shape == (1, 4, 151 + 1 + 39)
    assert torch.equal(latents[..., 1:151].long(), codes[0])
    assert torch.equal(latents[..., 152:].long(), codes[1][..., :39])
    assert latents[:, :2, 0].contiguous().view(torch.float32) == pytest.approx(float(levels[0]))
    assert codec.transmitted(latents) == (4 * 189 + 2, 4 * 189 * 10 + 64)


def test_the_codes_are_the_latents_without_levels(files: tuple[Path, Path]) -> None:
    """Of three whole segments of 150 frames, and of one of 580 samples, which has 2."""
    codec = EnCodec(*files, codebooks=2)
    latents = codec.encode(audio(codec, 3 * 47_520 + 580))
    levels = [0, 151, 302, 453]
    codes = [column for column in range(latents.shape[-1]) if column not in levels]
    assert len(codes) == 3 * 150 + 2
    assert torch.equal(codec.codes(latents), latents[..., codes])
    result = CodecRunner(codec).reconstruct("clip", music(0.5, 48_000, channels=2), 48_000)
    assert result.code_counts is not None and result.code_counts.sum() == 2 * 75


def test_rate(files: tuple[Path, Path]) -> None:
    """24 kb/s, 1 % more for the overlap, and 32 bits a segment."""
    cost = CodecRunner(EnCodec(*files)).reconstruct("clip", music(4.0, 48_000, channels=2), 48_000).cost
    assert cost["latent_bytes"] * 8 / 4.0 == pytest.approx(24_000 * 48_000 / 47_520 + 32, rel=0.01)


def test_no_such_number_of_codebooks(files: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="codebooks is 3: expected one of 2, 4, 8, 16"):
        EnCodec(*files, codebooks=3)


def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(EnCodec, *files, EXPECTED, capfd)
    check_bad_configurations(
        EnCodec,
        *files,
        EXPECTED,
        ('{"model_type": "encodec"}', "sampling_rate is 24000 instead of 48000"),
        ('{"model_type": "dac"}', "model_type is 'dac' instead of 'encodec'"),
    )
