"""Quality against the number of denoising steps: Figure 2 of the paper, from the runs of `m2l-bench sweep`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from m2l_bench.errors import UserError
from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.runs import choose_metrics, system, unequal_clips
from m2l_bench.plots.style import QUIET, footnote, legend, metric_label, panels, styled
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.reconstruction import published

PAPER = "dashed: the paper's Table 2, on all of MusicCaps; its Figure 2 states no numbers"


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = ()) -> Figure:
    """A panel a metric, a line a system; bands are 95 % bootstrap intervals over clips.

    Runs of systems without denoising steps are left out. The paper's figure of a system, where Table 2 has one, is a
    dashed line at the card's number of steps.

    Raises:
        UserError: no run has denoising steps, or no run has the metric.
    """
    swept = [run for run in runs if run.manifest.key.steps is not None and not run.manifest.key.seed]
    if not swept:
        names = ", ".join(run.name for run in runs)
        raise UserError(f"{names}: no denoising steps; `m2l-bench sweep` makes runs at several numbers of them")
    metrics = choose_metrics(swept, metrics)
    systems = sorted({system(run) for run in swept})
    look = looks(systems)
    titles = {system(run): run.manifest.card.title for run in swept}
    drawing, axes = panels(len(metrics), height=2.1, extra=0.4)
    notes = unequal_clips(swept)
    for axis, name in zip(axes, metrics, strict=True):
        for one in systems:
            members = [run for run in swept if system(run) == one]
            _line(axis, members, name, look[one])
            notes += [PAPER] if _paper(axis, members[0], name, look[one]) else []
        counts = sorted({run.manifest.key.steps or 1 for run in swept})
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(FixedLocator(counts))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("Denoising steps")
        axis.set_ylabel(metric_label(name))
    legend(drawing, {titles[one]: look[one] for one in systems})
    footnote(drawing, list(dict.fromkeys(notes)))
    return drawing


def _line(axis: Axes, runs: Sequence[MeasuredRun], name: str, look: Look) -> None:
    points = pd.DataFrame(
        [(run.manifest.key.steps, *run.figure(name)) for run in runs], columns=["steps", "value", "low", "high"]
    ).sort_values("steps")
    axis.plot(points["steps"], points["value"], color=look.colour, marker=look.marker)
    axis.fill_between(points["steps"], points["low"], points["high"], color=look.colour, alpha=0.15, linewidth=0)


def _paper(axis: Axes, run: MeasuredRun, name: str, look: Look) -> bool:
    """Whether there is one to draw."""
    value = published(run.manifest.card.paper_row, name)
    if value is None:
        return False
    steps = run.manifest.card.steps or 1
    axis.axhline(value, color=look.colour, linestyle="--", linewidth=0.8, alpha=0.8)
    axis.annotate(
        f"paper, {steps} step{'s' if steps > 1 else ''}",
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize=6,
        color=QUIET,
    )
    return True
