"""Measures of the latents of systems on disk: a CSV file, and beside it a JSON file with figures of each channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.latent_space.intervals import Figure
from m2l_bench.latent_space.measures import MEASURES
from m2l_bench.runs.files import write_atomically
from m2l_bench.text import spreadsheet_text, spreadsheet_value

FILE = "latents.csv"
"""Name of the CSV file in a folder of runs."""
Channels = dict[str, list[float | None]]
"""Figures of each channel by name, and the spectrum of the covariance."""


@dataclass(frozen=True)
class LatentSpace:
    """What was measured of the latents of a system."""

    system: str
    title: str
    dataset: str
    key: str
    """Digest of all that decides the numbers: system, clips, and version of the measures."""
    figures: dict[str, Figure]
    """Figures by the name of the measure, in the order of `MEASURES`."""
    channels: Channels
    """Empty for codes."""


@dataclass(frozen=True)
class _Row:
    """A row of the CSV file."""

    system: str
    title: str
    dataset: str
    family: str
    measure: str
    unit: str
    better: str
    value: float
    low: float
    high: float
    clips: int
    key: str


def read_latent_spaces(path: Path) -> dict[str, LatentSpace]:
    """Read what was measured, by system; nothing where there is no such file.

    Raises:
        UserError: a file is not one that `write_latent_spaces` wrote.
    """
    if not path.exists():
        return {}
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values={"low": [""], "high": [""]}, dtype={"key": str})
        channels = json.loads(_beside(path).read_text(encoding="utf-8")) if _beside(path).exists() else {}
        spaces = {}
        for name, rows in frame.map(spreadsheet_value).groupby("system", sort=False):
            first = rows.iloc[0]
            figures = {
                str(row["measure"]): Figure(
                    float(row["value"]), float(row["low"]), float(row["high"]), int(row["clips"])
                )
                for row in rows.to_dict("records")
                if row["measure"] in MEASURES
            }
            spaces[str(name)] = LatentSpace(
                str(name),
                str(first["title"]),
                str(first["dataset"]),
                str(first["key"]),
                figures,
                channels.get(name, {}),
            )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a report on latents ({error}); delete it to measure again") from error
    return spaces


def write_latent_spaces(path: Path, spaces: Mapping[str, LatentSpace]) -> None:
    """Write what was measured: the CSV file, and the JSON file with the same name and the suffix `.json`.

    Raises:
        UserError: a file cannot be written.
    """
    rows = [
        asdict(
            _Row(
                space.system,
                space.title,
                space.dataset,
                MEASURES[name].family,
                name,
                MEASURES[name].unit,
                MEASURES[name].better,
                *figure,
                key=space.key,
            )
        )
        for space in spaces.values()
        for name, figure in space.figures.items()
    ]
    frame = pd.DataFrame(rows, columns=[field.name for field in fields(_Row)])
    for name in ("system", "title", "dataset"):
        frame[name] = frame[name].map(spreadsheet_text)
    channels = {space.system: space.channels for space in spaces.values() if space.channels}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_beside(path), (json.dumps(_rounded(channels)) + "\n").encode())
        write_atomically(path, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror or error})") from error


def to_json(spaces: Sequence[LatentSpace]) -> list[dict[str, Any]]:
    """Convert to what `--json` prints."""
    return [
        {
            "system": space.system,
            "title": space.title,
            "dataset": space.dataset,
            "measures": {
                name: {
                    **{key: value if value == value else None for key, value in figure._asdict().items()},
                    "unit": MEASURES[name].unit,
                    "better": MEASURES[name].better,
                }
                for name, figure in space.figures.items()
            },
            "channels": space.channels,
        }
        for space in spaces
    ]


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _rounded(channels: Mapping[str, Channels]) -> dict[str, Channels]:
    """Round to six digits, as in the CSV file."""
    return {
        system: {
            name: [None if value is None else float(f"{value:.6g}") for value in values]
            for name, values in by_name.items()
        }
        for system, by_name in channels.items()
    }
