"""Ablation of Table 3: the base model, with frequency-wise attention, and with adaptive frequency scaling as well.

All three are trained on the same crops, noise levels and noise, for the same number of iterations, and scored on the
same held-out clips from the same noise. Each training is a run of its own below the ablation's folder, so an
interrupted ablation goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from m2l_bench.jobs import training
from m2l_bench.jobs.training import TrainOptions
from m2l_bench.tables.ablation import METRICS, VARIANTS, Variant

if TYPE_CHECKING:
    from rich.console import Console


def train(options: TrainOptions, seeds: Sequence[int], console: Console) -> bool:
    """Train the models that are not trained yet, and return whether all are done.

    Args:
        options: options of each training; `out` is the ablation's folder, and `minutes` the limit for all trainings
            together.
        seeds: random seeds; each model is trained once with each seed.

    Raises:
        UserError: as in `training.train`.
    """
    began = time.perf_counter()
    for seed in seeds:
        for variant in VARIANTS:
            left = None if options.minutes is None else options.minutes - (time.perf_counter() - began) / 60
            if left is not None and left <= 0:
                return False
            console.print(f"{variant.name}, seed {seed}", markup=False)
            state = training.train(
                replace(
                    options,
                    out=run_folder(options.out, variant, seed),
                    seed=seed,
                    minutes=left,
                    attention=variant.attention,
                    frequency_scaling=variant.frequency_scaling,
                ),
                console,
            )
            if state.iteration < state.iterations:
                return False
    return True


def run_folder(out: Path, variant: Variant, seed: int) -> Path:
    """Folder of one training."""
    return out / f"{variant.name}-seed{seed}"


def score(options: TrainOptions, seeds: Sequence[int], device: str = "cpu") -> pd.DataFrame:
    """Score the trained models, with one row per variant, seed and held-out clip.

    Args:
        options: the same options as for `train`.
    """
    from m2l_bench.music2latent import Music2Latent

    recipe = training.recipe_of(options)
    held_out = training.held_out_clips(options.validate_on)
    rows: list[dict[str, Any]] = []
    for variant in VARIANTS:
        for seed in seeds:
            model = Music2Latent.from_pretrained(run_folder(options.out, variant, seed) / "model", device=device)
            counts = {
                "parameters": sum(parameter.numel() for parameter in model.checkpoint.networks.parameters()),
                "iterations": recipe.iterations,
                "crops": recipe.iterations * recipe.batch_size,
            }
            for clip in training.score_held_out(model, held_out):
                figures = {name: getattr(clip, name) for name in METRICS}
                rows.append({"system": variant.name, **counts, "seed": seed, "clip": clip.id, **figures})
    return pd.DataFrame(rows)
