"""X-Codec with random weights in the hub's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.xcodec import EXPECTED, XCodec

pytestmark = pytest.mark.skipif(not XCodec.availability(), reason=str(XCodec.availability()))


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("xcodec")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "model.safetensors"


def test_the_names_are_the_published_ones(files: tuple[Path, Path]) -> None:
    """Of the three parts and the layers that join them; the weight normalisation of DAC is folded in."""
    with safe_open(files[1], "pt") as file:
        assert {
            "acoustic_encoder.block.0.res_unit1.conv1.weight",
            "semantic_model.feature_extractor.conv_layers.0.conv.weight",
            "encoder_semantic.conv_blocks.0.res_units.0.conv1.weight",
            "fc.weight",
            "quantizer.quantizers.7.codebook.embed",
        } <= set(file.keys())


@pytest.mark.full
def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(XCodec(*files), features=32)
    check_runner(XCodec(*files))


@pytest.mark.parametrize(("codebooks", "kilobits"), [(8, 4), pytest.param(3, 1.5, marks=pytest.mark.full)])
def test_equal_to_transformers(files: tuple[Path, Path], model: Any, codebooks: int, kilobits: float) -> None:
    """Its own call, end to end, of a length of whole frames: of others it gives too few samples."""
    codec = XCodec(*files, codebooks=codebooks)
    clip = audio(codec, 20 * 320)
    with torch.no_grad():
        theirs = model(clip, bandwidth=kilobits)
    codes = codec.encode(clip)
    assert codes.shape == (1, codebooks, 20) and len(codes.unique()) > 20
    assert torch.equal(codes.long(), theirs.audio_codes)
    torch.testing.assert_close(codec.decode(codes, clip.shape[-1]), theirs.audio_values, rtol=0, atol=1e-5)
    assert codec.transmitted(codes) == (codebooks * 20, codebooks * 20 * 10)


def test_features_lead_to_the_codes(files: tuple[Path, Path], model: Any) -> None:
    codec = XCodec(*files)
    clip = audio(codec, 5000)
    codes = model.quantizer.encode(codec.features(clip)).transpose(0, 1)
    assert torch.equal(codes, codec.encode(clip).long())
    assert not codec.model.fc._forward_hooks


@pytest.mark.full
def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(XCodec, *files, EXPECTED, capfd)
    slower = '{"model_type": "xcodec", "sample_rate": 24000}'
    check_bad_configurations(XCodec, *files, EXPECTED, (slower, "sample_rate is 24000 instead of 16000"))
    with pytest.raises(ValueError, match="codebooks is 9: expected 1 to 8"):
        XCodec(*files, codebooks=9)
