"""Runs as tables, figures and pages need them: rows and distances of the newest run of each system and setting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.runs.distances import ORIGINALS, read_distances
from m2l_bench.runs.reconstruction import find_runs, read_manifest, read_rows
from m2l_bench.runs.schema import Manifest, Row, StoredDistance
from m2l_bench.text import counted


@dataclass(frozen=True)
class MeasuredRun:
    """A run with everything that was measured on it."""

    name: str
    """The system, and settings that differ from its card: `music2latent@steps4`."""
    folder: Path
    manifest: Manifest
    rows: list[Row]
    distances: dict[str, StoredDistance]

    @property
    def requested_metrics(self) -> set[str]:
        """Metrics of its task, measured or not."""
        not_measured = (name for session in self.manifest.sessions for name in session.not_measured)
        return {*self.manifest.metric_versions, *not_measured}

    @property
    def title(self) -> str:
        """Title of the system, with settings that differ from its card."""
        key, card = self.manifest.key, self.manifest.card
        extra = [counted(key.steps, "step")] if key.steps and key.steps != card.steps else []
        extra += [f"seed {key.seed}"] if key.seed else []
        return card.title + (f" ({', '.join(extra)})" if extra else "")

    @property
    def measured(self) -> list[Row]:
        """Its rows that have metrics."""
        return [row for row in self.rows if row.measured]

    def values(self, name: str) -> dict[str, float]:
        """Values of a paired metric by clip id, for the clips where it has one."""
        return {row.id: value for row in self.measured if (value := row.value(name)) is not None}

    def figure(self, name: str) -> tuple[float, float, float]:
        """Value of a metric over all clips, and the low and high end of its 95 % interval; NaN where not measured."""
        if name in PAIRED:
            values = np.array(list(self.values(name).values()), float)
            return float(values.mean()) if len(values) else float("nan"), *bootstrap_interval(values)
        distance = self.distances.get(name)
        figures = (distance.value, distance.low, distance.high) if distance else (None, None, None)
        value, low, high = (float("nan") if figure is None else figure for figure in figures)
        return value, low, high


@dataclass(frozen=True)
class MeasuredRuns:
    """The runs of one dataset that a table shows, and notes about the others."""

    dataset: str
    runs: list[MeasuredRun]
    notes: list[str]


def measured_runs(
    out: Path, dataset: str | None = None, only: set[Path] | None = None, reference: str = ORIGINALS
) -> MeasuredRuns:
    """Read the newest run of each system over one dataset below `out`.

    Args:
        dataset: name of the dataset; needed where `out` has several.
        only: read no other run folders than these.
        reference: reference of the Fréchet distances: the originals, or the name of another measured reference.

    Raises:
        UserError: there are no runs, or several datasets and none is named.
    """
    folders = [folder for folder in find_runs(out) if only is None or folder in only]
    return newest_runs(in_dataset(folders, dataset, str(out)), reference)


def in_dataset(folders: list[Path], dataset: str | None, source: str) -> list[Path]:
    """Select the run folders of one dataset.

    Args:
        source: the path that the folders were found in, for messages.

    Raises:
        UserError: there are no folders, or several datasets and none is named.
    """
    if not folders:
        raise UserError(f"{source}: no runs there; `m2l-bench reconstruct` makes them")
    datasets = sorted({folder.parent.name for folder in folders})
    if dataset is None and len(datasets) > 1:
        raise UserError(f"{source} holds runs over {', '.join(datasets)}: choose one with --task")
    if dataset not in (None, *datasets):
        raise UserError(f"{source}: no runs over '{dataset}'; there are {', '.join(datasets)}")
    return [folder for folder in folders if dataset in (None, folder.parent.name)]


def newest_runs(folders: Iterable[Path], reference: str = ORIGINALS) -> MeasuredRuns:
    """Read the newest run of each system and setting; notes name older runs and runs on other audio.

    Args:
        folders: run folders of one dataset, at least one.
    """
    notes: list[str] = []
    manifests = [(read_manifest(folder), folder) for folder in folders]
    manifests.sort(key=lambda pair: last_started(pair[0]), reverse=True)
    root = manifests[0][0].key.root
    if any(manifest.key.root != root for manifest, _ in manifests):
        notes.append(f"only runs over {root} are shown")
    runs: dict[str, MeasuredRun] = {}
    known_hashes: dict[str, str | None] = {}
    for manifest, folder in manifests:
        name = folder.name.split("~")[0]
        rows = read_rows(folder)
        hashes = {row.id: row.source_sha256 for row in rows if row.measured}
        if manifest.key.root != root:
            continue
        if name in runs:
            notes.append(f"{folder.name}: an earlier run with another card or data, not shown")
        elif any(known_hashes.get(id, sha256) != sha256 for id, sha256 in hashes.items()):
            notes.append(f"{folder.name}: measured on other versions of the clips, not shown; run it again")
        else:
            known_hashes |= hashes
            runs[name] = MeasuredRun(name, folder, manifest, rows, read_distances(folder, reference))
    return MeasuredRuns(manifests[0][1].parent.name, list(runs.values()), notes)


def last_started(manifest: Manifest) -> str:
    """Time at which the last command on a run started, as ISO 8601; empty if there was none."""
    return manifest.sessions[-1].started if manifest.sessions else ""
