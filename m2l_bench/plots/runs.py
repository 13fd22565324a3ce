"""Runs on disk -> what figures are drawn of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import MeasuredRun, in_dataset, newest_runs
from m2l_bench.runs.probe import MANIFEST, ProbeRun, newest_probes
from m2l_bench.tables.reconstruction import COLUMNS, why_empty


def load_runs(
    paths: Sequence[Path], task: str | None = None, models: Sequence[str] = (), reference: str = ORIGINALS
) -> list[MeasuredRun]:
    """The newest run of each system and setting over one dataset.

    Args:
        paths: folders of runs (`runs`), of one dataset's (`runs/bundled`), or runs themselves.
        task: the dataset, where there are several.
        models: only these systems, in this order; all by default.
        reference: what Fréchet distances are against.

    Raises:
        UserError: no runs there, none of this dataset or of these systems, or several datasets and none named.
    """
    shown = ", ".join(map(str, paths))
    runs = newest_runs(in_dataset(_find(paths, "manifest.json"), task, shown), reference).runs
    known = {run.name for run in runs} | {system(run) for run in runs}
    for name in models:
        if name not in known:
            raise UserError(f"{shown}: no run of '{name}'; there are {', '.join(sorted(run.name for run in runs))}")
    if not models:
        return sorted(runs, key=lambda run: (run.manifest.card.title, run.manifest.key.steps or 0, run.name))
    return [run for name in models for run in runs if name in (run.name, system(run))]


def load_probes(paths: Sequence[Path], task: str | None = None, models: Sequence[str] = ()) -> list[ProbeRun]:
    """The finished probes below `paths`, as `load_runs`; the newest of each name.

    Raises:
        UserError: there are none.
    """
    found = [run for run in map(ProbeRun, _find(paths, MANIFEST)) if run.finished]
    wanted = [run for run in found if task in (None, run.key.task) and (not models or run.key.model in models)]
    newest, _ = newest_probes(wanted)
    if not newest:
        there = ", ".join(sorted({f"{run.key.task}/{run.folder.name}" for run in found}))
        hint = f"there are {there}" if there else "`m2l-bench probe` makes them"
        raise UserError(f"{', '.join(map(str, paths))}: no such probes there; {hint}")
    return [newest[key] for key in sorted(newest)]


def system(run: MeasuredRun) -> str:
    """Name of the run's system, whatever its settings."""
    return run.manifest.key.system


def choose_metrics(runs: Sequence[MeasuredRun], asked: Sequence[str], paired: bool = False) -> list[str]:
    """The metrics to draw: those asked for, else all that were measured.

    Args:
        paired: only those that have a value for each clip.

    Raises:
        UserError: one that there is not, or that was measured on no run.
    """
    every = dict.fromkeys([*COLUMNS, *sorted({name for run in runs for name in run.requested_metrics})])
    possible = [name for name in every if name in PAIRED or not paired]
    measured = [name for name in possible if any(has(run, name) for run in runs)]
    for name in asked:
        if name not in PAIRED and (paired or set_metric(name) is None):
            kind = " with a value for each clip" if paired else ""
            raise UserError(f"no metric '{name}'{kind}; there are {', '.join(possible)}")
        if name not in measured:
            asked_for = any(name in run.manifest.metric_versions for run in runs)
            reason = "no value, or none against this reference" if asked_for else why_empty(name, list(runs))
            raise UserError(f"{name}: on {', '.join(run.name for run in runs)} {reason}")
    if not measured:
        raise UserError(f"nothing was measured on {', '.join(run.name for run in runs)}")
    return list(asked) or measured


def has(run: MeasuredRun, name: str) -> bool:
    """Whether the metric was measured on the run."""
    if name in PAIRED:
        return bool(run.values(name))
    return name in run.distances and run.distances[name].value is not None


def unequal_clips(runs: Sequence[MeasuredRun]) -> list[str]:
    """What a reader must know where systems were scored on different numbers of clips."""
    counts = {run.title: len(run.measured) for run in runs}
    most = max(counts.values())
    fewer = [f"{title} on {count}" for title, count in counts.items() if count < most]
    return [f"scored on {most} clips, {', '.join(fewer)}"] if fewer else []


def _find(paths: Sequence[Path], manifest: str) -> list[Path]:
    """Folders that hold a file `manifest`: given, or one or two levels below."""
    found: dict[Path, None] = {}
    for path in paths:
        for pattern in (manifest, f"*/{manifest}", f"*/*/{manifest}"):
            found |= dict.fromkeys(sorted(file.parent.resolve() for file in path.glob(pattern)))
    return list(found)
