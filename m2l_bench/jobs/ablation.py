"""Table 3: the base model, with frequency-wise attention, and with adaptive frequency scaling as well.

All three see the same crops, noise levels and noise, for the same number of iterations, and are scored on the same
held-out clips from the same noise. Each training is a run of its own below the ablation's folder, so an interrupted
ablation goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.jobs import training as training_commands
from m2l_bench.jobs.training import TrainOptions
from m2l_bench.shipped import shipped
from m2l_bench.tables import formats as table_formats
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.reconstruction import bootstrap_interval

if TYPE_CHECKING:
    from rich.console import Console

METRICS = {"log_spectral_distance_db": "Log-spectral distance (dB) ↓", "si_sdr_db": "SI-SDR (dB) ↑"}
KINDS = {"": "", "_from_base": ", from the base model", "_between_seeds": ", between seeds"}
PUBLISHED = ("fad", "fad_clap")
ROWS = "table3_clips.csv"


@dataclass(frozen=True)
class Variant:
    """A row of Table 3."""

    name: str
    paper_row: str
    attention: bool
    frequency_scaling: bool


VARIANTS = (
    Variant("base", "Base Model", attention=False, frequency_scaling=False),
    Variant("attention", "+ Freq-wise Attention", attention=True, frequency_scaling=False),
    Variant("frequency-scaling", "+ Adaptive Freq Scaling", attention=True, frequency_scaling=True),
)


def train(options: TrainOptions, seeds: Sequence[int], console: Console) -> bool:
    """Train what is not trained yet; whether all of it is done now.

    Args:
        options: of each training; `out` is the ablation's folder and `minutes` the limit for all of them together.

    Raises:
        UserError: as `training_commands.train`.
    """
    began = time.perf_counter()
    for seed in seeds:
        for variant in VARIANTS:
            left = None if options.minutes is None else options.minutes - (time.perf_counter() - began) / 60
            if left is not None and left <= 0:
                return False
            console.print(f"{variant.name}, seed {seed}", markup=False)
            state = training_commands.train(
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
    return out / f"{variant.name}-seed{seed}"


def score(options: TrainOptions, seeds: Sequence[int], device: str = "cpu") -> pd.DataFrame:
    """One row a variant, seed and held-out clip, of trainings that are done.

    Args:
        options: as for `train`.
    """
    from m2l_bench.music2latent import Music2Latent

    recipe = training_commands.recipe_of(options)
    rows: list[dict[str, Any]] = []
    for variant in VARIANTS:
        for seed in seeds:
            model = Music2Latent.from_pretrained(run_folder(options.out, variant, seed) / "model", device=device)
            counts = {
                "parameters": sum(parameter.numel() for parameter in model.checkpoint.networks.parameters()),
                "iterations": recipe.iterations,
                "crops": recipe.iterations * recipe.batch_size,
            }
            for clip in training_commands.score_held_out(model, options.validate_on):
                figures = {name: getattr(clip, name) for name in METRICS}
                rows.append({"system": variant.name, **counts, "seed": seed, "clip": clip.id, **figures})
    return pd.DataFrame(rows)


def table(clips: pd.DataFrame) -> Table:
    """Means over clips (of means over seeds) with 95 % bootstrap intervals, differences from the base model paired by
    clip, and how far apart seeds lie: an interval over clips does not know what another training would have given.

    Fréchet distances are those of the paper alone: they want more clips than are held out here.
    """
    paper = pd.read_csv(shipped("results/paper") / "table3.csv", index_col="model")
    by_clip = clips.groupby(["system", "clip"])[list(METRICS)].mean()
    by_seed = clips.groupby(["system", "seed"])[list(METRICS)].mean()
    counts = clips.groupby("system")[["parameters", "iterations", "crops"]].first()
    records = []
    for variant in VARIANTS:
        mine, base, means = by_clip.loc[variant.name], by_clip.loc[VARIANTS[0].name], by_seed.loc[variant.name]
        record: dict[str, Any] = {"system": variant.name, **counts.loc[variant.name]}
        record |= {"seeds": len(means), "clips": len(mine)}
        for name in METRICS:
            record |= _with_interval(name, mine[name].to_numpy())
            difference = (mine[name] - base[name]).to_numpy()
            record |= _with_interval(f"{name}_from_base", difference if variant is not VARIANTS[0] else np.zeros(0))
            record[f"{name}_between_seeds"] = np.ptp(means[name].to_numpy()) if len(means) > 1 else float("nan")
        record |= {f"{name}_paper": paper.loc[variant.paper_row, name] for name in PUBLISHED}
        records.append(record)
    published = ", ".join(f"{row} {fad:.3f}" for row, fad in paper["fad"].items())
    each, seeds, held_out = clips.iloc[0], clips["seed"].nunique(), clips["clip"].nunique()
    between = f"between seeds: how far apart the means of {seeds} trainings lie that differ in nothing but the seed"
    alone = "trainings that differ in nothing but the seed were not compared"
    return Table(
        pd.DataFrame(records),
        {variant.name: variant.paper_row for variant in VARIANTS},
        [Column(name + kind, header + words, 2) for kind, words in KINDS.items() for name, header in METRICS.items()],
        [
            f"{each['iterations']:,} iterations, {each['crops']:,} crops each; {held_out} held-out clips",
            f"intervals are over clips; {between if seeds > 1 else alone}",
            f"Fréchet distances are not measured on so few held-out clips; the paper's: {published}",
        ],
        "Ablation, Table 3 of the paper: mean over held-out clips [95 % bootstrap interval], at equal budget.",
        ("Model", "Parameters"),
        ("parameters",),
    )


def _with_interval(name: str, values: np.ndarray) -> dict[str, float]:
    low, high = bootstrap_interval(values)
    return {name: float(values.mean()) if len(values) else float("nan"), f"{name}_low": low, f"{name}_high": high}


def write(result: Table, clips: pd.DataFrame, folder: Path) -> list[Path]:
    """Write the table, `table3.csv` and `table3.md`, and its rows into `folder`; returns the paths."""
    paths = table_formats.write(result, folder, "table3")
    rows = folder / ROWS
    try:
        clips.to_csv(rows, index=False, lineterminator="\n")
    except OSError as error:
        raise UserError(f"{rows}: cannot be written ({error.strerror})") from error
    return [*paths, rows]


def read(path: Path) -> Table:
    """The table of rows that `write` left.

    Raises:
        UserError: unreadable, or not such rows.
    """
    try:
        return table(pd.read_csv(path))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the rows of a Table 3 ({error}); `m2l-bench ablate` writes it again") from error
