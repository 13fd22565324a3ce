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

from m2l_bench import training_commands
from m2l_bench.errors import UserError
from m2l_bench.shipped import shipped
from m2l_bench.table_formats import Column, Table
from m2l_bench.tables import bootstrap_interval
from m2l_bench.training_commands import TrainOptions

if TYPE_CHECKING:
    from rich.console import Console

METRICS = ("log_spectral_distance_db", "si_sdr_db")
PUBLISHED = ("fad", "fad_clap")


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


def score(out: Path, seeds: Sequence[int], device: str = "cpu", held_out: Path | None = None) -> pd.DataFrame:
    """One row a variant, seed and clip; also written to `clips.csv` in `out`."""
    from m2l_bench.music2latent import Music2Latent

    rows: list[dict[str, Any]] = []
    for variant in VARIANTS:
        for seed in seeds:
            model = Music2Latent.from_pretrained(run_folder(out, variant, seed) / "model", device=device)
            parameters = sum(parameter.numel() for parameter in model.checkpoint.networks.parameters())
            for clip in training_commands.score_held_out(model, held_out):
                figures = {name: getattr(clip, name) for name in METRICS}
                rows.append({"model": variant.name, "seed": seed, "clip": clip.id, **figures, "parameters": parameters})
    clips = pd.DataFrame(rows)
    clips.to_csv(out / "clips.csv", index=False, float_format="%.6g", lineterminator="\n")
    return clips


def table(clips: pd.DataFrame, iterations: int, batch_size: int) -> pd.DataFrame:
    """Means over clips (of means over seeds) with 95 % bootstrap intervals, differences from the base model paired by
    clip, and the paper's figures.

    Fréchet distances are those of the paper alone: they want more clips than are held out here.
    """
    paper = pd.read_csv(shipped("results/paper") / "table3.csv", index_col="model")
    by_clip = clips.groupby(["model", "clip"])[list(METRICS)].mean()
    records = []
    for variant in VARIANTS:
        mine, base = by_clip.loc[variant.name], by_clip.loc[VARIANTS[0].name]
        record: dict[str, Any] = {
            "model": variant.paper_row,
            "parameters": int(clips.loc[clips["model"] == variant.name, "parameters"].iloc[0]),
            "iterations": iterations,
            "crops": iterations * batch_size,
            "seeds": clips["seed"].nunique(),
            "clips": len(mine),
        }
        for name in METRICS:
            record |= _with_interval(name, mine[name].to_numpy())
            difference = (mine[name] - base[name]).to_numpy()
            record |= _with_interval(f"{name}_from_base", difference if variant is not VARIANTS[0] else np.zeros(0))
        record |= {f"{name}_paper": paper.loc[variant.paper_row, name] for name in PUBLISHED}
        records.append(record)
    return pd.DataFrame(records)


def _with_interval(name: str, values: np.ndarray) -> dict[str, float]:
    low, high = bootstrap_interval(values)
    return {name: float(values.mean()) if len(values) else float("nan"), f"{name}_low": low, f"{name}_high": high}


def text_rows(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what a terminal shows of the table."""
    head = ["model", "parameters", *METRICS, *(f"{name}_paper" for name in PUBLISHED)]
    cells = rows[head].to_dict("records")
    return head, [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in cells]


def as_table(path: Path) -> Table:
    """Table 3 as `write` left it.

    Raises:
        UserError: unreadable, or not such a table.
    """
    try:
        data = pd.read_csv(path).rename(columns={"model": "system"})
        paper = ", ".join(f"{row} {fad:.3f}" for row, fad in zip(data["system"], data["fad_paper"], strict=True))
        data = data.drop(columns=[f"{name}_paper" for name in PUBLISHED])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a Table 3 ({error}); `m2l-bench ablate` writes it again") from error
    described = {"log_spectral_distance_db": "Log-spectral distance (dB) ↓", "si_sdr_db": "SI-SDR (dB) ↑"}
    columns = [Column(name, header, 2) for name, header in described.items()]
    columns += [Column(f"{name}_from_base", f"from the base model: {header}", 2) for name, header in described.items()]
    return Table(
        data,
        {name: name for name in data["system"]},
        columns,
        [f"Fréchet distances are not measured on so few held-out clips; the paper's: {paper}"],
        "Ablation, Table 3 of the paper: mean over held-out clips [95 % bootstrap interval], at equal budget.",
        ("Model", "Parameters", "Iterations", "Crops", "Seeds", "Clips"),
        ("parameters", "iterations", "crops", "seeds", "clips"),
    )


def write(rows: pd.DataFrame, folder: Path) -> Path:
    """Write `table3.csv` into `folder`; returns its path."""
    path = folder / "table3.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(rows.to_csv(index=False, float_format="%.4f", lineterminator="\n"), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error
    return path
