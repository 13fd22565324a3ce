"""Runs as tables, figures and pages need them: rows and distances of the newest run of each system and setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, kernel_metric
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.metrics.fad import frechet_name
from m2l_bench.runs.distances import ORIGINALS, read_distances
from m2l_bench.runs.order import newest_first
from m2l_bench.runs.reconstruction import find_runs, read_manifest, read_rows
from m2l_bench.runs.schema import Manifest, Origin, Row, StoredDistance
from m2l_bench.text import counted


class SetFigure(NamedTuple):
    """A distance of a whole set. What is not known is None."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Upper end of the 95 % bootstrap interval over clips; `low` is the lower end."""
    resampled: list[float] | None = None
    """Distances of resamples of the clips."""


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
        extra += [self.precision] if self.precision else []
        return card.title + (f" ({', '.join(extra)})" if extra else "")

    @property
    def precision(self) -> str:
        """Number type of weights and feature maps, if it is not float32."""
        chosen = str(self.manifest.card.options.get("dtype", ""))
        return "" if chosen == "float32" else chosen

    @property
    def measured(self) -> list[Row]:
        """Its rows that have metrics."""
        return [row for row in self.rows if row.measured]

    def values(self, name: str) -> dict[str, float]:
        """Values of a paired metric by clip id, for the clips where it has one."""
        return {row.id: value for row in self.measured if (value := row.value(name)) is not None}

    def mean(self, name: str) -> float:
        """Value of a metric over all clips; NaN where not measured."""
        if name in PAIRED:
            values = list(self.values(name).values())
            return float(np.mean(values)) if values else float("nan")
        value = self.set_figure(name).value
        return float("nan") if value is None else value

    def figure(self, name: str) -> tuple[float, float, float]:
        """Value of a metric over all clips, and the low and high end of its 95 % interval; NaN where not measured."""
        if name in PAIRED:
            return self.mean(name), *bootstrap_interval(np.array(list(self.values(name).values()), float))
        figure = self.set_figure(name)
        low, high = (float("nan") if end is None else end for end in (figure.low, figure.high))
        return self.mean(name), low, high

    def set_figure(self, name: str) -> SetFigure:
        """Fréchet distance (`fad...`) or kernel distance (`kad...`) of all clips; empty where not measured."""
        distance = self.distances.get(frechet_name(name))
        if distance is None:
            return SetFigure()
        if kernel_metric(name):
            return SetFigure(distance.kernel, distance.kernel_low, distance.kernel_high, distance.kernel_resampled)
        return SetFigure(distance.value, distance.low, distance.high, distance.resampled)


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
        dataset: name of the dataset; default: that of the newest run.
        only: read no other run folders than these.
        reference: reference of the Fréchet distances: the originals, or the name of another measured reference.

    Raises:
        UserError: there are no runs, or none over this dataset.
    """
    folders = [folder for folder in find_runs(out) if only is None or folder in only]
    return newest_runs(folders, str(out), dataset, reference)


def newest_runs(
    folders: Sequence[Path], source: str, dataset: str | None = None, reference: str = ORIGINALS
) -> MeasuredRuns:
    """Read the newest run of each system and setting over one dataset; notes name what is not shown.

    Args:
        folders: run folders.
        source: the path that they were found in, for messages.
        dataset: name of the dataset; default: that of the newest run.

    Raises:
        UserError: there are no runs, or none over this dataset.
    """
    if not folders:
        raise UserError(f"{source}: no runs there; `m2l-bench reconstruct` makes them")
    datasets = sorted({folder.parent.name for folder in folders})
    if dataset not in (None, *datasets):
        raise UserError(f"{source}: no runs over '{dataset}'; there are {', '.join(datasets)}")
    unsorted = [(read_manifest(folder), folder) for folder in folders if dataset in (None, folder.parent.name)]
    manifests = newest_first((pair[1].parent, last_command(pair[0]), pair) for pair in unsorted)
    newest = manifests[0][1].parent.name
    notes: list[str] = []
    others = [name for name in datasets if name != newest]
    if dataset is None and others:
        notes.append(f"{source} also holds runs over {', '.join(others)}: choose with --task")
        manifests = [pair for pair in manifests if pair[1].parent.name == newest]
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
    return MeasuredRuns(newest, list(runs.values()), notes)


def last_command(manifest: Manifest) -> Origin:
    """The last command on a run; one without a time if there was none."""
    return manifest.sessions[-1] if manifest.sessions else Origin(started="")
