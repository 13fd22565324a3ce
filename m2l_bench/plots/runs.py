"""The runs and metrics that a figure shows, read from disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, kernel_metric, set_metric
from m2l_bench.metrics.column_sets import ColumnSet, columns_of
from m2l_bench.metrics.fad import frechet_name
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import MeasuredRun, newest_runs
from m2l_bench.runs.probe import MANIFEST, ProbeRun, newest_probes
from m2l_bench.runs.small_sets import shown_metrics
from m2l_bench.tables.reconstruction import best_first, why_empty
from m2l_bench.text import counted


def load_runs(
    paths: Sequence[Path], task: str | None = None, models: Sequence[str] = (), reference: str = ORIGINALS
) -> list[MeasuredRun]:
    """Read the newest run of each system and setting over one dataset.

    Args:
        paths: a folder of runs (`runs`), of one dataset's runs (`runs/bundled`), or single runs.
        task: name of the dataset; default: that of the newest run.
        models: read only these systems, in this order; default: all.
        reference: reference of the Fréchet distances.

    Raises:
        UserError: there are no runs, or none of this dataset or of these systems.
    """
    source = ", ".join(map(str, paths))
    runs = newest_runs(_find_folders(paths, "manifest.json"), source, task, reference).runs
    names = {run.name for run in runs} | {system_name(run) for run in runs}
    for name in models:
        if name not in names:
            raise UserError(f"{source}: no run of '{name}'; there are {', '.join(sorted(run.name for run in runs))}")
    if not models:
        return best_first(runs)
    return [run for name in models for run in runs if name in (run.name, system_name(run))]


def load_probes(paths: Sequence[Path], task: str | None = None, models: Sequence[str] = ()) -> list[ProbeRun]:
    """Read the newest finished probe of each name below `paths`; the arguments are those of `load_runs`.

    Raises:
        UserError: there are none.
    """
    finished = [run for run in map(ProbeRun, _find_folders(paths, MANIFEST)) if run.finished]
    matching = [run for run in finished if task in (None, run.key.task) and (not models or run.key.model in models)]
    newest, _ = newest_probes(matching)
    if not newest:
        names = ", ".join(sorted({f"{run.key.task}/{run.folder.name}" for run in finished}))
        hint = f"there are {names}" if names else "`m2l-bench probe` makes them"
        raise UserError(f"{', '.join(map(str, paths))}: no such probes there; {hint}")
    return [newest[key] for key in sorted(newest)]


def system_name(run: MeasuredRun) -> str:
    """Name of the run's system, without its settings."""
    return run.manifest.key.system


def choose_metrics(runs: Sequence[MeasuredRun], names: Sequence[str], paired: bool = False) -> list[str]:
    """Choose the metrics to draw.

    Args:
        names: the metrics that the user asks for; none: those of the paper's table that were measured, or all where
            none of these was. In place of a Fréchet distance of small sets, that is the kernel distance.
        paired: choose only metrics that have a value for each clip.

    Raises:
        UserError: there is no such metric, or it was measured on no run.
    """
    possible = _possible_metrics(runs, paired, "all")
    measured = [name for name in possible if any(has_metric(run, name) for run in runs)]
    shown = _possible_metrics(runs, paired, "paper")
    for name in names:
        if name not in PAIRED and (paired or not (set_metric(name) or kernel_metric(name))):
            kind = " with a value for each clip" if paired else ""
            raise UserError(f"no metric '{name}'{kind}; there are {', '.join(possible)}")
        if not any(has_metric(run, name) for run in runs):
            requested = frechet_name(name)
            attempted = any(requested in run.manifest.metric_versions for run in runs)
            reason = "no value, or none against this reference" if attempted else why_empty(requested, list(runs))
            raise UserError(f"{name}: on {', '.join(run.name for run in runs)} {reason}")
    if not measured:
        raise UserError(f"nothing was measured on {', '.join(run.name for run in runs)}")
    return list(names) or [name for name in shown if name in measured] or measured


def measured_metrics(runs: Sequence[MeasuredRun], columns: ColumnSet = "paper") -> list[str]:
    """Name the metrics of a set that were measured on a run, in the order of the tables."""
    return [name for name in _possible_metrics(runs, False, columns) if any(has_metric(run, name) for run in runs)]


def _possible_metrics(runs: Sequence[MeasuredRun], paired: bool, columns: ColumnSet) -> list[str]:
    requested = {name for run in runs for name in run.requested_metrics}
    return [name for name in shown_metrics(columns_of(columns, requested), runs) if name in PAIRED or not paired]


def has_metric(run: MeasuredRun, name: str) -> bool:
    """Whether the metric was measured on the run."""
    if name in PAIRED:
        return bool(run.values(name))
    return run.set_figure(name).value is not None


def ranked_clips(runs: Sequence[MeasuredRun], ids: Sequence[str]) -> list[str]:
    """Sort clips by the mean score over systems, the lowest first: by ViSQOL, where it was measured."""
    scores = next((values for name in ("visqol", *PAIRED) if any(values := [run.values(name) for run in runs])), [])
    means = {}
    for id in ids:
        finite = [values[id] for values in scores if id in values and np.isfinite(values[id])]
        means[id] = float(np.mean(finite)) if finite else -np.inf
    return sorted(ids, key=lambda id: means[id])


def median_clip(runs: Sequence[MeasuredRun], ids: Sequence[str]) -> str:
    """Find the clip in the middle of `ranked_clips`."""
    return ranked_clips(runs, ids)[len(ids) // 2]


def unequal_clips(runs: Sequence[MeasuredRun]) -> list[str]:
    """Write a footnote if the systems were scored on different numbers of clips; otherwise return an empty list."""
    counts = {run.title: len(run.measured) for run in runs}
    most = max(counts.values())
    fewer = [f"{title} on {count}" for title, count in counts.items() if count < most]
    return [f"scored on {counted(most, 'clip')}, {', '.join(fewer)}"] if fewer else []


def _find_folders(paths: Sequence[Path], manifest: str) -> list[Path]:
    """Find folders with a file `manifest`: the paths themselves, or folders one or two levels below."""
    folders: dict[Path, None] = {}
    for path in paths:
        for pattern in (manifest, f"*/{manifest}", f"*/*/{manifest}"):
            folders |= dict.fromkeys(sorted(file.parent.resolve() for file in path.glob(pattern)))
    return list(folders)
