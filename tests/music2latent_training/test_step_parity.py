"""Held against the authors' trainer, music2latent 0.1.7: same weights, crops and noise, same gradients."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.audio import music

from m2l_bench.music2latent import PRESETS, Config
from m2l_bench.music2latent.consistency import sample_times, sigma_at
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.official import to_official
from m2l_bench.music2latent.spectrogram import spectrogram
from m2l_bench.music2latent.training.ema import Average
from m2l_bench.music2latent.training.objective import Objective
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.recipe import RECIPES
from m2l_bench.music2latent.training.schedules import Schedule

PACKAGE = Path(sys.prefix) / "official-0.1.7"
PAPER = RECIPES["paper"]
ITERATIONS = [0, 1, 5_000, 10_000, 10_001, 400_000, 799_999]
FRAMES = 16
"""Of a crop; those of the recipe have 64, which takes four times as long and shows no more."""
SIZES = {
    "narrow": replace(PRESETS["official"], base_channels=4, bottleneck_channels=32, noise_channels=32),
    "full": PRESETS["official"],
}


def random_networks(config: Config) -> Networks:
    torch.manual_seed(0)
    networks = Networks(config)
    for parameter in networks.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return networks


@pytest.fixture(scope="module", params=["narrow", pytest.param("full", marks=pytest.mark.full)])
def step(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What went into one step of theirs, and what came out."""
    if not PACKAGE.is_dir():
        install = f"pip install --no-deps --target {PACKAGE} music2latent==0.1.7"
        pytest.skip(f"the authors' trainer is not there: make test installs it, or {install}")
    folder = tmp_path_factory.mktemp("step")
    config = SIZES[request.param]
    networks = random_networks(config)
    crops = 4 if request.param == "narrow" else 1
    audio = np.concatenate([music((FRAMES + 3) * 512 / 44_100, seed=seed) for seed in range(crops)])
    inputs = {
        "hparams": {
            "base_channels": config.base_channels,
            "bottleneck_base_channels": config.bottleneck_channels,
            "cond_channels": config.noise_channels,
        },
        "weights": to_official(networks.state_dict(), config),
        "audio": torch.from_numpy(audio),
        "seed": 1,
        "iterations": ITERATIONS,
        "total_iters": PAPER.iterations,
        "warmup_steps": PAPER.warmup_iterations,
        "updates": torch.randn(20, 5, generator=torch.Generator().manual_seed(0)),
    }
    torch.save(inputs, folder / "inputs.pt")
    script = Path(__file__).with_name("official_step.py")
    process = subprocess.run([sys.executable, script, PACKAGE, folder], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return {
        "config": config,
        "networks": networks,
        "inputs": inputs,
        **torch.load(folder / "outputs.pt", weights_only=True),
    }


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def test_loss_and_gradients(step: dict[str, Any]) -> None:
    config = step["config"]
    noise = (step["noisier"] - step["clean"]) / step["sigma_high"].reshape(-1, 1, 1, 1)
    networks = step["networks"].train()
    loss = Objective(networks)(step["clean"], noise, step["sigma_low"], step["sigma_high"]).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(step["loss"], rel=1e-4)
    gradients = {name: p.grad for name, p in networks.named_parameters() if p.grad is not None}
    ours = to_official(gradients, config)
    assert set(ours) == set(step["gradients"])
    everything = [torch.cat([g[name].flatten() for name in ours]) for g in (ours, step["gradients"])]
    assert relative(*everything) < 1e-4
    scale = everything[1].norm()
    for name, theirs in step["gradients"].items():
        assert (ours[name] - theirs).norm() < 1e-4 * theirs.norm() + 1e-6 * scale, name


def test_spectrograms_and_noise_levels(step: dict[str, Any]) -> None:
    config = step["config"]
    assert relative(spectrogram(step["inputs"]["audio"], config), step["clean"]) < 1e-5
    difference = Schedule.known(PAPER.iterations, PAPER).step(0, PAPER)
    low, high = ((sigma ** (1 / config.rho)) for sigma in (step["sigma_low"], step["sigma_high"]))
    whole = config.sigma_max ** (1 / config.rho) - config.sigma_min ** (1 / config.rho)
    inside = step["sigma_low"] > config.sigma_min * 1.01
    assert torch.allclose((high - low)[inside], torch.tensor(difference * whole), rtol=1e-4)


def test_schedules(step: dict[str, Any]) -> None:
    schedule = Schedule.known(PAPER.iterations, PAPER)
    for iteration, (theirs, rate) in zip(ITERATIONS, step["schedule"], strict=True):
        assert schedule.step(iteration, PAPER) == pytest.approx(theirs, rel=1e-9)
        ours = PAPER.learning_rate * schedule.learning_rate_factor(iteration, PAPER)
        assert ours == pytest.approx(rate, rel=1e-6, abs=1e-15)


def test_distribution_of_noise_levels(step: dict[str, Any]) -> None:
    """Quantiles of many of our draws against the sum of their weights."""
    config = step["config"]
    uniform = torch.stack([(torch.arange(20_000.0, dtype=torch.float64) + 0.5) / 20_000, torch.full((20_000,), 0.5)], 1)
    ours = sigma_at(sample_times(uniform, config).float(), config)
    weights = step["noise_weights"].double()
    expected = (weights.cumsum(0) / weights.sum())[[2_000, 4_000, 6_000, 8_000]]
    edges = sigma_at((torch.tensor([2_001, 4_001, 6_001, 8_001]) / 9_999), config)
    shares = torch.stack([(ours < edge).double().mean() for edge in edges])
    assert torch.allclose(shares, expected, atol=2e-4)


def test_optimiser_and_average(step: dict[str, Any]) -> None:
    networks = random_networks(SIZES["narrow"])
    bias = networks.unet.conv_out.weight
    with torch.no_grad():
        bias.zero_()
    average = Average(networks)
    (optimiser,) = make_optimisers(networks, PAPER)
    size = step["inputs"]["updates"].shape[1]
    for gradient in step["inputs"]["updates"]:
        bias.grad = torch.zeros_like(bias)
        bias.grad.view(-1)[:size] = gradient
        optimiser.step()
        average.update(networks, PAPER)
    assert torch.allclose(bias.detach().view(-1)[:size], step["vector"], atol=1e-9)
    assert torch.allclose(average.module.unet.conv_out.weight.view(-1)[:size], step["average"], atol=1e-9)
