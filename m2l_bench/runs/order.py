"""The order in which commands worked on runs: by a counter in their manifests, since clocks go back.

Manifests from before there was a counter hold 0. They are ordered by their times, and come before those with a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from m2l_bench.runs.schema import Origin

Run = TypeVar("Run")


def position(origin: Origin) -> tuple[int, str]:
    """Place of a command among those over the same dataset or task."""
    return origin.number, origin.started


def newest_first(runs: Iterable[tuple[Path, Origin, Run]]) -> list[Run]:
    """Sort runs, the newest first: by the counter within a folder, and by time between folders.

    A run whose time is before that of an earlier run in the same folder was made after the clock went back, and counts
    as made at the time of the earlier run.

    Args:
        runs: the folder above each run, the last command on it, and the run.
    """
    latest: dict[Path, str] = {}
    keyed = []
    for folder, origin, run in sorted(runs, key=lambda entry: position(entry[1])):
        latest[folder] = max(latest.get(folder, ""), origin.started)
        keyed.append(((latest[folder], origin.number), run))
    return [run for _, run in sorted(keyed, key=lambda entry: entry[0], reverse=True)]
