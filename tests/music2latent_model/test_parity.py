"""Held against the authors' package, music2latent 0.1.8: same weights, same noise, same results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.audio import music

from m2l_bench.music2latent import Checkpoint, Music2Latent, checkpoint, official_framing
from m2l_bench.music2latent.official import from_official, to_official

from .conftest import Official, relative

SLOW = pytest.mark.slow


def waveforms(seconds: float, channels: int) -> torch.Tensor:
    return torch.from_numpy(music(seconds, channels=channels, seed=3))


def agree(ours: Music2Latent, theirs: Official, audio: torch.Tensor) -> None:
    latents = ours.encode(audio, strict=True)
    assert relative(latents / 0.06, theirs.encode(audio)) < 1e-4
    assert relative(ours.features(audio, strict=True), theirs.encode(audio, features=True)) < 1e-4
    torch.manual_seed(0)
    reconstruction = theirs.decode(latents / 0.06)
    torch.manual_seed(0)
    assert relative(ours.decode(latents, strict=True), reconstruction) < 1e-4


def test_the_official_preset_has_the_published_parameters(full_size) -> None:
    assert sum(parameter.numel() for parameter in full_size.parameters()) == 58_185_026
    assert len(full_size.state_dict()) == 583


@pytest.mark.parametrize(("seconds", "channels"), [(1, 1), (1, 2), (5, 1)])
def test_latents_features_and_reconstructions_agree(
    model: Music2Latent, official: Official, seconds: int, channels: int
) -> None:
    agree(model, official, waveforms(seconds, channels))


def test_long_audio_is_cut_as_the_package_does(
    model: Music2Latent, official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 s; here at 2 s, which shows the same: a whole chunk, and one that is filled up with the beginning."""
    import music2latent.inference as inference

    for name in ("max_waveform_length_encode", "max_waveform_length_decode"):
        assert getattr(inference, name) == official_framing.CHUNK_SAMPLES == 60 * 44_100
        monkeypatch.setattr(inference, name, 2 * 44_100)
    monkeypatch.setattr(official_framing, "CHUNK_SAMPLES", 2 * 44_100)
    agree(model, official, waveforms(2.5, 1))


@pytest.mark.parametrize("steps", [2, 4])
def test_several_steps_agree(model: Music2Latent, official: Official, steps: int) -> None:
    latents = model.encode(waveforms(0.5, 1), strict=True)
    torch.manual_seed(1)
    theirs = official.decode(latents / 0.06, steps)
    torch.manual_seed(1)
    assert relative(model.decode(latents, steps=steps, strict=True), theirs) < 1e-4


def test_the_latent_scale_of_the_package(model: Music2Latent, official: Official) -> None:
    audio = waveforms(1, 1)
    scaled = Music2Latent(model.checkpoint, latent_scale=0.06)
    assert relative(scaled.encode(audio, strict=True), official.encode(audio)) < 1e-4


@pytest.mark.parametrize("frames", [8, 9, 15, 3 * 8])
def test_chunks_are_filled_up_as_the_package_does(
    model: Music2Latent, official: Official, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    """With chunks of 8 latents; where they fit exactly the package appends a whole one and drops it."""
    chunk_samples = 8 * 4096
    monkeypatch.setattr(official_framing, "CHUNK_SAMPLES", chunk_samples)
    latents = torch.rand(1, 64, frames) * 2 - 1
    torch.manual_seed(2)
    theirs = official.decode(latents / 0.06, chunk_samples=chunk_samples)
    torch.manual_seed(2)
    assert relative(model.decode(latents, strict=True), theirs) < 1e-4


@SLOW
def test_full_size(full_size, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    theirs = Official(full_size, monkeypatch, tmp_path / "full.pt")
    agree(Music2Latent(Checkpoint(full_size, Path(), "")), theirs, waveforms(0.3, 2))


@SLOW
def test_the_package_decodes_a_checkpoint_that_we_export(
    full_size, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import music2latent.inference as inference

    monkeypatch.setattr(inference, "download_model", lambda: None)
    path = tmp_path / "exported.pt"
    checkpoint.export_official(full_size, path)
    package = inference.EncoderDecoder(load_path_inference=path, device="cpu")
    assert set(package.gen.state_dict()) == set(to_official(full_size.state_dict(), full_size.config))
    ours = Music2Latent.from_pretrained(path)
    latents = torch.rand(1, 64, 2) * 2 - 1
    torch.manual_seed(0)
    theirs = package.decode(latents / 0.06)
    torch.manual_seed(0)
    assert relative(ours.decode(latents, strict=True), theirs) < 1e-4


def test_names_translate_both_ways(full_size) -> None:
    tensors = full_size.state_dict()
    assert from_official(to_official(tensors, full_size.config), full_size.config).keys() == tensors.keys()
