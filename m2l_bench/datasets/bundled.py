"""The thirty free clips inside the package, for an evaluation without any download."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from m2l_bench.datasets.base import Clip, Dataset, loader
from m2l_bench.errors import UserError

FOLDER = Path(__file__).resolve().parent / "bundled_clips"


def manifest() -> list[dict[str, str]]:
    """Read the manifest, one row per clip: id, genre, licence, attribution, source, start_s, duration_s."""
    with (FOLDER / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@loader(version="1")
def load(
    data: Path | None = None, label: str = "bundled", ids: Sequence[str] = (), seconds: float | None = None
) -> Dataset:
    """Load the bundled clips, in the order of the manifest.

    Args:
        label: name of the run folder.
        ids: the clips to use; default: all.
        seconds: use only the beginning of each clip; default: all of its ten seconds.

    Raises:
        UserError: `data` is given, or there is no clip of an id.
    """
    if data is not None:
        raise UserError(f"the task '{label}' has its own clips: use --task folder --data DIR for yours")
    rows = manifest()
    unknown = set(ids) - {row["id"] for row in rows}
    if unknown:
        raise UserError(f"no bundled clip '{min(unknown)}'; there are {', '.join(row['id'] for row in rows)}")
    clips = tuple(
        Clip(
            row["id"],
            FOLDER / f"{row['id']}.opus",
            duration_seconds=seconds,
            caption=f"{row['genre'].capitalize()}. {row['attribution']}, {row['licence']}",
        )
        for row in rows
        if not ids or row["id"] in ids
    )
    return Dataset(clips, label=label)
