"""The machinery learns: one crop, learnt by heart, comes back from pure noise in one step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import music, write
from lightning_fabric import Fabric

from m2l_bench.metrics.si_sdr import si_sdr
from m2l_bench.music2latent import Music2Latent
from m2l_bench.music2latent.training.corpus import Corpus, Mixture
from m2l_bench.music2latent.training.loop import Settings, initial_state, train
from m2l_bench.music2latent.training.pack import pack

from .conftest import CROP_SAMPLES, MINUSCULE, SHORT


@pytest.mark.slow
def test_one_crop_comes_back_above_15_db(tmp_path: Path) -> None:
    crop = music(0.2)[:, 2000 : 2000 + CROP_SAMPLES]
    write(tmp_path / "music" / "crop.wav", crop)
    pack(tmp_path / "music", tmp_path / "corpus")
    config = replace(MINUSCULE, base_channels=12, bottleneck_channels=32, noise_channels=32, latent_channels=16)
    # Few and large steps between noise levels, and more of the high ones: learnt in minutes instead of days.
    recipe = replace(
        SHORT, batch_size=8, iterations=1000, learning_rate=5e-3, ema_decay=0.99, final_exponent=1.3, noise_mean=0.0
    )
    mixture = Mixture([Corpus(tmp_path / "corpus", CROP_SAMPLES)], [1.0], 0, recipe.minimum_rms)
    fabric = Fabric(accelerator="cpu", devices=1)
    train(initial_state(config, recipe, 0), mixture, Settings(tmp_path / "run"), fabric)
    model = Music2Latent.from_pretrained(tmp_path / "run" / "model")
    latents = model.encode(crop, strict=True)  # framed as crops are in training
    inside = slice(3 * config.hop, -3 * config.hop)  # under all four windows
    ratios = [
        si_sdr(crop[:, inside], model.decode(latents, strict=True, generator=noise).numpy()[:, inside])
        for noise in (torch.Generator().manual_seed(seed) for seed in range(4))
    ]
    assert np.mean(ratios) > 15
