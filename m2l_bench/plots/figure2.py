"""Quality against the number of denoising steps: Figure 2 of the paper, from the runs of `m2l-bench sweep`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from m2l_bench.errors import UserError
from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.runs import choose_metrics, system_name, unequal_clips
from m2l_bench.plots.style import POINTS, QUIET, footnote, legend, metric_label, panels, styled
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.published import TABLE2
from m2l_bench.text import counted

PAPER = "dashed: the paper's Table 2, on all of MusicCaps; its Figure 2 states no numbers"


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = ()) -> Figure:
    """Draw one panel per metric and one line per system; bands are 95 % bootstrap intervals over clips.

    Runs of systems without denoising steps, and runs with a seed other than 0, are left out. A dashed line shows the
    paper's result for a system, where Table 2 has one; its label names the card's number of steps.

    Raises:
        UserError: no run has denoising steps, or no run has the metric.
    """
    swept = [run for run in runs if run.manifest.key.steps is not None and not run.manifest.key.seed]
    if not swept:
        names = ", ".join(run.name for run in runs)
        raise UserError(f"{names}: no denoising steps; `m2l-bench sweep` makes runs at several numbers of them")
    counts = sorted({run.manifest.key.steps or 1 for run in swept})
    systems = sorted({system_name(run) for run in swept})
    if len(counts) == 1:
        raise UserError(
            f"{', '.join(run.name for run in swept)}: only measured with {counted(counts[0], 'step')}: first run "
            f"`m2l-bench sweep --models {','.join(systems)} --steps 1,2,4,8`"
        )
    metrics = choose_metrics(swept, metrics)
    system_looks = looks(systems)
    titles = {system_name(run): run.manifest.card.title for run in swept}
    drawing, axes = panels(len(metrics), height=2.1, extra=0.4)
    notes = unequal_clips(swept)
    for axis, name in zip(axes, metrics, strict=True):
        for system in systems:
            system_runs = [run for run in swept if system_name(run) == system]
            _draw_line(axis, system_runs, name, system_looks[system])
            notes += [PAPER] if _draw_published(axis, system_runs[0], name, system_looks[system]) else []
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(FixedLocator(counts))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("Denoising steps")
        axis.set_ylabel(metric_label(name))
    legend(drawing, {titles[system]: system_looks[system] for system in systems})
    footnote(drawing, list(dict.fromkeys(notes)))
    return drawing


def _draw_line(axis: Axes, runs: Sequence[MeasuredRun], name: str, look: Look) -> None:
    points = pd.DataFrame(
        [(run.manifest.key.steps, *run.figure(name)) for run in runs], columns=["steps", "value", "low", "high"]
    ).sort_values("steps")
    axis.plot(points["steps"], points["value"], color=look.colour, marker=look.marker)
    axis.fill_between(points["steps"], points["low"], points["high"], color=look.colour, alpha=0.15, linewidth=0)


def _draw_published(axis: Axes, run: MeasuredRun, name: str, look: Look) -> bool:
    """Draw the paper's result as a dashed line, and return whether there is one."""
    paper = TABLE2["paper"]
    value = paper.figure(paper.model(run.manifest.card), name)
    if math.isnan(value):
        return False
    steps = run.manifest.card.steps or 1
    axis.axhline(value, color=look.colour, linestyle="--", linewidth=0.8, alpha=0.8)
    axis.annotate(
        f"{paper.source}, {counted(steps, 'step')}",
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize=POINTS["tiny"],
        color=QUIET,
    )
    return True
