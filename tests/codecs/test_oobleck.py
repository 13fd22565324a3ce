"""Stable Audio Open's autoencoder with random weights in the hub's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.oobleck import EXPECTED, Oobleck


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("oobleck")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "diffusion_pytorch_model.safetensors"


def test_the_names_are_the_published_ones(files: tuple[Path, Path]) -> None:
    """Weights with the normalisation of training, under the names that PyTorch gave them before 2.1."""
    with safe_open(files[1], "pt") as file:
        names = set(file.keys())
    assert {"encoder.conv1.weight_g", "encoder.conv1.weight_v", "decoder.block.0.conv_t1.weight_g"} <= names
    assert json.loads(files[0].read_text())["_class_name"] == "AutoencoderOobleck"


def test_nothing_is_said(files: tuple[Path, Path], recwarn: pytest.WarningsRecorder) -> None:
    Oobleck(*files)
    assert not recwarn.list


def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(Oobleck(*files), features=128)
    check_runner(Oobleck(*files))


def test_another_rate_and_frame(tmp_path: Path) -> None:
    """The structure of ACE-Step 1.5's autoencoder: 48 kHz, 25 frames a second."""
    random_network("oobleck-48k").save_pretrained(tmp_path)
    codec = Oobleck(tmp_path / "config.json", tmp_path / "diffusion_pytorch_model.safetensors")
    assert codec.sample_rate == 48_000
    assert codec.encode(audio(codec, 3 * 1920)).shape == (1, 4, 3)


def test_equal_to_diffusers(files: tuple[Path, Path], model: Any) -> None:
    """Its own call, end to end, of a length of whole frames: of others it gives too few samples."""
    codec = Oobleck(*files)
    clip = audio(codec, 5 * 2048)
    with torch.no_grad():
        theirs = model(clip).sample
        posterior = model.encode(clip).latent_dist
    latents = codec.encode(clip)
    assert latents.shape == (1, 4, 5)
    torch.testing.assert_close(latents, posterior.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(codec.decode(latents, clip.shape[-1]), theirs, rtol=0, atol=1e-5)


def test_features_lead_to_the_latents(files: tuple[Path, Path], model: Any) -> None:
    codec = Oobleck(*files)
    clip = audio(codec, 5 * 2048)
    with torch.no_grad():
        parameters = model.encoder.conv2(model.encoder.snake1(codec.features(clip)))
    torch.testing.assert_close(parameters[:, :4], codec.encode(clip), rtol=0, atol=1e-6)


def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(Oobleck, *files, EXPECTED, capfd)
    other = '{"_class_name": "AutoencoderOobleck", "sampling_rate": 44100, "audio_channels": %s}'
    slow = '{"_class_name": "AutoencoderOobleck", "sampling_rate": 1, "audio_channels": 2}'
    check_bad_configurations(
        Oobleck,
        *files,
        EXPECTED,
        ('{"_class_name": "AutoencoderKL"}', "('AutoencoderKL', None)"),
        (other % 1, "('AutoencoderOobleck', 1)"),
        (slow, "sampling_rate is 1"),
        (other.replace("}", ', "channel_multiples": [1]}') % 2, "cannot be used"),
    )
