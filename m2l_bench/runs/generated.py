"""The sets of clips that `m2l-bench generate` wrote, as its `generate.csv` lists them."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.text import spreadsheet_value

CSV = "generate.csv"
SAMPLES = "samples"
NOISE = "random latents"
SHUFFLED = "shuffled frames"
CORPUS = "corpus"
CODEC = "codec"
FIGURES = ("kad", "fad", "density", "coverage")
"""Figures of a set against the held-out music: the beginnings of their columns, which end with an embedding."""
AGAIN = "give `m2l-bench generate` the same options again: it writes only what is missing"


@dataclass(frozen=True)
class GeneratedSet:
    """A set of clips of one system."""

    system: str
    set: str
    seed: int | None
    """Seed of the transformer; None for the sets without one, as is the next one."""
    steps: int | None
    """Steps of its training."""
    count: int
    """Number of clips."""
    folder: Path
    reference: Path
    """Folder of the held-out music that it was compared with."""
    values: dict[str, float]
    """Numbers of the columns of figures, such as `kad_musicnn` and `kad_musicnn_low`, where there is one."""

    @property
    def title(self) -> str:
        """Name of the set among those of its system."""
        return self.set if self.seed is None else f"{self.set}, seed {self.seed}"

    def figure(self, name: str) -> tuple[float, float, float]:
        """Value of a figure, and the low and high end of its 95 % interval; NaN where not measured."""
        value, low, high = (self.values.get(name + end, math.nan) for end in ("", "_low", "_high"))
        return value, low, high


def path_of(folder: Path, number: int) -> Path:
    """Name the file of a clip of a set, or of the held-out music."""
    return folder / f"{number:04d}.flac"


def read_sets(folder: Path) -> list[GeneratedSet]:
    """Read the sets of the latest command that wrote a folder, in its order.

    Raises:
        UserError: `generate.csv` cannot be read, has no rows, or does not say where the clips are.
    """
    path = folder / CSV
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: spreadsheet_value(value) for name, value in row.items()} for row in csv.DictReader(file)]
        if rows and not {"folder", "reference"} <= rows[0].keys():
            raise UserError(f"{path}: an earlier version wrote it, without the folders of the clips: {AGAIN}")
        sets = [_set(folder, row) for row in rows]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: not readable as figures of `generate` ({error}): {AGAIN}") from error
    if not sets:
        raise UserError(f"{path}: lists no sets: {AGAIN}")
    return sets


def _set(folder: Path, row: dict[str, str]) -> GeneratedSet:
    return GeneratedSet(
        system=row["system"],
        set=row["set"],
        seed=int(row["seed"]) if row["seed"] else None,
        steps=int(row["steps"]) if row["seed"] else None,
        count=int(row["count"]),
        folder=folder / row["folder"],
        reference=folder / row["reference"],
        values={name: float(row[name]) for name in row if name.startswith(FIGURES) and row[name]},
    )
