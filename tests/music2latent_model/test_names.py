"""Weights by name, and the small model inside the package: it is there, and it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from m2l_bench import audio
from m2l_bench.datasets import bundled
from m2l_bench.metrics.spectral import log_spectral_distance
from m2l_bench.metrics.visqol import visqol
from m2l_bench.music2latent import PRESETS, CheckpointError, Music2Latent, names

MINI = "music2latent-mini"


@pytest.fixture(scope="module")
def mini() -> Music2Latent:
    return Music2Latent.from_pretrained(MINI)


def test_unknown_name() -> None:
    with pytest.raises(CheckpointError) as error:
        names.locate("musictolatent")
    assert str(error.value) == "'musictolatent' is neither a file nor one of music2latent-mini, music2latent"


def test_a_path_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / MINI).mkdir()
    assert names.locate(MINI) == (Path(MINI), None)


def test_the_shipped_model_needs_no_connection(mini: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert names.is_here(MINI)
    assert not names.is_here("no such name")
    assert mini.config == PRESETS["mini"]
    assert mini.config.samples_per_latent == 4096
    assert mini.config.latent_channels == 64


def test_it_was_trained(mini: Music2Latent) -> None:
    """Far from the low-pass anchor, whose ViSQOL is 1.74 over the bundled clips, and from noise."""
    scores, distances = [], []
    for number, name in enumerate(("brahms_strings", "vibe_ace_jazz", "redeclipse_house")):
        (clip,) = [clip for clip in bundled.load().clips if clip.id == name]
        samples, rate = audio.read(clip.path, 0.0, 3.0)
        original = audio.resample(audio.to_mono(samples), rate, mini.config.sample_rate)
        noise = torch.Generator().manual_seed(number)
        made = mini.decode(mini.encode(original), original.shape[1], generator=noise).numpy()
        scores.append(visqol(original, made, mini.config.sample_rate))
        distances.append(log_spectral_distance(original, made))
    assert np.mean(scores) > 2.5, scores
    assert np.mean(distances) < 13, distances
