"""A model so small that a step takes milliseconds, and packed music for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.audio import music, write

from m2l_bench.music2latent import Config
from m2l_bench.music2latent.private_apis import import_fabric
from m2l_bench.music2latent.training.corpus import Corpus, Mixture
from m2l_bench.music2latent.training.loop import initial_state, train
from m2l_bench.music2latent.training.pack import pack
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.settings import Settings
from m2l_bench.music2latent.training.state import State

MINUSCULE = Config(
    hop=32,
    base_channels=4,
    channel_multipliers=(1, 2, 4),
    downsampling=("frequency", "both"),
    attention_levels=(2,),
    unet_blocks=1,
    bottleneck_channels=16,
    bottleneck_blocks=1,
    noise_channels=16,
    latent_channels=8,
    unused_noise_projections=False,
)
SHORT = Recipe(crop_frames=16, batch_size=4, iterations=6, warmup_iterations=2, optimiser="muon")
CROP_SAMPLES = (SHORT.crop_frames + 3) * MINUSCULE.hop


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for number in range(3):
        write(folder / f"song-{number}.wav", music(1.0, channels=1 + number % 2, seed=number))
    pack(folder, folder / "packed")
    return folder / "packed"


def mixture(folder: Path, seed: int = 0) -> Mixture:
    return Mixture([Corpus(folder, CROP_SAMPLES)], [1.0], seed, minimum_rms=0.001)


def run(corpus: Path, out: Path, start: State | None = None, precision: str = "32-true", **settings: Any) -> State:
    """Train in this process; a new run of `SHORT` unless `start` is given."""
    start = start or initial_state(MINUSCULE, SHORT, 0)
    fabric = import_fabric()(accelerator="cpu", devices=1, precision=precision)
    return train(start, mixture(corpus, start.seed), Settings(out, **settings), fabric)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def rows_of(folder: Path) -> list[dict[str, float]]:
    """Rows of a log without the time that they took."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
