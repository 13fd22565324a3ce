"""The figures of a run that a submission states, computed from the run's files."""

from __future__ import annotations

import math
from pathlib import Path

from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.metrics.fad import figure_name
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.submissions.schema import Figure, SubmittedRun


def submitted_reconstruction(run: MeasuredRun, folder: Path) -> SubmittedRun:
    """Describe a run of reconstructions.

    Args:
        folder: the run's folder, relative to the submission.
    """
    names = [name for name in PAIRED if run.values(name)]
    for name in run.distances:
        names += [name, figure_name(name, "kad")] if set_metric(name) else []
    measured = run.measured
    return SubmittedRun(
        kind="reconstruction",
        dataset=run.manifest.key.dataset,
        name=run.name,
        title=run.title,
        folder=folder.as_posix(),
        clips=len(measured),
        not_measured=sum(not row.measured and not row.absent for row in run.rows),
        audio=bool(measured) and all(row.audio for row in measured),
        figures={name: _figure(*run.figure(name)) for name in names},
    )


def submitted_probe(run: ProbeRun, title: str, folder: Path) -> SubmittedRun:
    """Describe a probe; figures are fractions, means over seeds.

    Args:
        title: title of the model in tables.
        folder: the run's folder, relative to the submission.
    """
    results = run.results
    return SubmittedRun(
        kind="probe",
        dataset=run.key.task,
        name=run.label,
        title=title,
        folder=folder.as_posix(),
        clips=results.clips.get("test", 0),
        not_measured=len(results.failed),
        figures={name: _figure(result.mean, result.low, result.high) for name, result in results.metrics.items()},
    )


def _figure(value: float, low: float, high: float) -> Figure:
    return Figure(value=_or_none(value), low=_or_none(low), high=_or_none(high))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
