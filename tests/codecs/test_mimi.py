"""Mimi with random weights in the hub's format."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from support.audio import music
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.mimi import EXPECTED, Mimi
from m2l_bench.systems.codec_runner import CodecRunner


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("mimi")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "model.safetensors"


def test_the_names_are_the_published_ones(files: tuple[Path, Path]) -> None:
    """Names of 2024, whatever the modules of `transformers` are called now."""
    with safe_open(files[1], "pt") as file:
        assert {
            "encoder.layers.0.conv.weight",
            "encoder_transformer.layers.0.self_attn.q_proj.weight",
            "downsample.conv.weight",
            "quantizer.semantic_residual_vector_quantizer.layers.0.codebook.embed_sum",
            "upsample.conv.weight",
            "decoder_transformer.layers.0.mlp.fc1.weight",
            "decoder.layers.14.conv.weight",
        } <= set(file.keys())


def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(Mimi(*files), features=64)
    check_runner(Mimi(*files))


@pytest.mark.parametrize("samples", [1, 1920, 10_000])
@pytest.mark.parametrize("codebooks", [8, 32])
def test_equal_to_transformers(files: tuple[Path, Path], model: Any, codebooks: int, samples: int) -> None:
    """Its own call, end to end; in double precision, as single precision rounds differently on each processor."""
    codec, reference = Mimi(*files, codebooks=codebooks), deepcopy(model).double()
    codec.model.double()
    clip = audio(codec, samples).double()
    with torch.no_grad():
        theirs = reference(clip, num_quantizers=codebooks)
        ours = codec.decode(codec.encode(clip), samples)[..., :samples]
    assert torch.equal(codec.encode(clip).long(), theirs.audio_codes)
    torch.testing.assert_close(ours, theirs.audio_values, rtol=0, atol=1e-12)


def test_features_lead_to_the_codes(files: tuple[Path, Path], model: Any) -> None:
    codec = Mimi(*files)
    clip = audio(codec, 10_000)
    codes = model.quantizer.encode(codec.features(clip), 8).transpose(0, 1)
    assert torch.equal(codes, codec.encode(clip).long())


def test_rate(files: tuple[Path, Path]) -> None:
    """8 codebooks of 11 bits, 12.5 times a second: 1.1 kb/s."""
    result = CodecRunner(Mimi(*files)).reconstruct("clip", music(2.0, 24_000), 24_000)
    assert (result.cost["latent_values"], result.cost["latent_bytes"]) == (8 * 25, 8 * 25 * 11 // 8)
    assert result.code_counts is not None and result.code_counts.shape == (8, 2048)
    assert result.code_counts.sum() == 8 * 25


def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(Mimi, *files, EXPECTED, capfd)
    check_bad_configurations(
        Mimi,
        *files,
        EXPECTED,
        ('{"model_type": "mimi", "sampling_rate": 16000}', "sampling_rate is 16000 instead of 24000"),
        ('{"model_type": "encodec", "sampling_rate": 24000}', "model_type is 'encodec' instead of 'mimi'"),
    )
    with pytest.raises(ValueError, match="codebooks is 33: expected 1 to 32"):
        Mimi(*files, codebooks=33)
