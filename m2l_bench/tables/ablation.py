"""Table 3 of the paper from the rows of an ablation. Nothing here trains or scores a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.tables import formats
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.published import TABLE3
from m2l_bench.text import counted, spreadsheet_value

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


def ablation_table(clips: pd.DataFrame) -> Table:
    """Make Table 3: means over clips (of means over seeds) with 95 % bootstrap intervals, differences from the base
    model paired by clip, and the range of the means of seeds, since an interval over clips does not include how much
    another training would have changed the result.

    Only the paper's Fréchet distances are shown: they need more clips than are held out here.

    Args:
        clips: rows of `jobs.ablation.score`, one per model, seed and held-out clip.
    """
    by_clip = clips.groupby(["system", "clip"])[list(METRICS)].mean()
    by_seed = clips.groupby(["system", "seed"])[list(METRICS)].mean()
    counts = clips.groupby("system")[["parameters", "iterations", "crops"]].first()
    records = []
    for variant in VARIANTS:
        figures, base, means = by_clip.loc[variant.name], by_clip.loc[VARIANTS[0].name], by_seed.loc[variant.name]
        record: dict[str, Any] = {"system": variant.name, **counts.loc[variant.name]}
        record |= {"seeds": len(means), "clips": len(figures)}
        for name in METRICS:
            record |= _mean_and_interval(name, figures[name].dropna().to_numpy())
            difference = (figures[name] - base[name]).dropna().to_numpy()
            record |= _mean_and_interval(f"{name}_from_base", difference if variant is not VARIANTS[0] else np.zeros(0))
            record[f"{name}_between_seeds"] = np.ptp(means[name].to_numpy()) if len(means) > 1 else float("nan")
        record |= {TABLE3.column(name): TABLE3.figure(variant.paper_row, name) for name in PUBLISHED}
        records.append(record)
    published = ", ".join(f"{row} {fad:.3f}" for row, fad in TABLE3.rows["fad"].items())
    first, seeds, held_out = clips.iloc[0], clips["seed"].nunique(), clips["clip"].nunique()
    between = f"between seeds: the range of the means of {seeds} trainings that differ only in the seed"
    alone = "trainings that differ only in the seed were not compared"
    return Table(
        pd.DataFrame(records),
        {variant.name: variant.paper_row for variant in VARIANTS},
        [Column(name + kind, header + words, 2) for kind, words in KINDS.items() for name, header in METRICS.items()],
        [
            f"{first['iterations']:,} iterations, {first['crops']:,} crops each; {counted(held_out, 'held-out clip')}",
            f"intervals are over clips; {between if seeds > 1 else alone}",
            f"Fréchet distances are not measured on this few held-out clips; the paper's: {published}",
        ],
        "Ablation, Table 3 of the paper: mean over held-out clips [95 % bootstrap interval], at equal budget.",
        ("Model", "Parameters"),
        ("parameters",),
    )


def _mean_and_interval(name: str, values: np.ndarray) -> dict[str, float]:
    low, high = bootstrap_interval(values)
    return {name: float(values.mean()) if len(values) else float("nan"), f"{name}_low": low, f"{name}_high": high}


def write_ablation(table: Table, clips: pd.DataFrame, folder: Path) -> list[Path]:
    """Write the table, `table3.csv` and `table3.md`, and its rows into `folder`, and return the paths.

    Raises:
        UserError: a file cannot be written.
    """
    paths = formats.write(table, folder, "table3")
    rows = folder / ROWS
    try:
        rows.write_text(formats.frame_to_csv(clips), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{rows}: cannot be written ({error.strerror})") from error
    return [*paths, rows]


def read_ablation(path: Path) -> Table:
    """Make the table again from the rows that `write_ablation` wrote.

    Raises:
        UserError: the file is unreadable, or does not hold such rows.
    """
    try:
        return ablation_table(pd.read_csv(path, converters={"clip": spreadsheet_value}))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the rows of a Table 3 ({error}); `m2l-bench ablate` writes it again") from error
