"""KVAE-Audio with random weights in the hub's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.kvae_audio import EXPECTED, KvaeAudio

pytestmark = pytest.mark.skipif(not KvaeAudio.availability(), reason=str(KvaeAudio.availability()))


@pytest.fixture(scope="module")
def model() -> Any:
    return random_network("kvae-audio")


@pytest.fixture
def files(model: Any, tmp_path: Path) -> tuple[Path, Path]:
    model.save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "diffusion_pytorch_model.safetensors"


@pytest.mark.full
def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(KvaeAudio(*files), features=64)
    check_runner(KvaeAudio(*files))


def test_equal_to_diffusers(files: tuple[Path, Path], model: Any) -> None:
    codec = KvaeAudio(*files)
    assert codec.sample_rate == 48_000
    clip = audio(codec, 5000)
    with torch.no_grad():
        theirs = model(clip).sample
        posterior = model.encode(clip).latent_dist
    latents = codec.encode(clip)
    assert latents.shape == (1, 4, 6)
    torch.testing.assert_close(latents, posterior.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(codec.decode(latents, 5000)[..., :5000], theirs, rtol=0, atol=1e-5)


def test_features_lead_to_the_latents(files: tuple[Path, Path], model: Any) -> None:
    codec = KvaeAudio(*files)
    clip = audio(codec, 5000)
    with torch.no_grad():
        encoded = model.encoder.conv2(model.encoder.snake1(codec.features(clip)))
        parameters = model.in_proj(model.attn(encoded.mT).mT)
    torch.testing.assert_close(parameters[:, :4], codec.encode(clip), rtol=0, atol=1e-6)


@pytest.mark.full
def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(KvaeAudio, *files, EXPECTED, capfd)
    stereo = '{"_class_name": "AutoencoderKLKVAEAudio", "sample_rate": 48000, "num_channels": 2}'
    check_bad_configurations(KvaeAudio, *files, EXPECTED, (stereo, "('AutoencoderKLKVAEAudio', 2)"))


def test_an_old_diffusers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m2l_bench.weights.read.version", lambda package: "0.41.0")
    assert KvaeAudio.availability().command == "pip install 'diffusers>=0.42'"
