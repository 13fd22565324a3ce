"""Means and intervals of all systems in one picture, of the size that previews of links have."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from m2l_bench.metrics import metric
from m2l_bench.plots.looks import looks
from m2l_bench.plots.runs import measured_metrics
from m2l_bench.plots.style import POINTS, QUIET, arrow_label, error_bars, styled
from m2l_bench.runs.measured import MeasuredRun

INCHES = (6.0, 3.15)
"""Width and height; 1,200 by 630 pixels at 200 dots per inch."""
MOST_METRICS, MOST_SYSTEMS = 3, 14


@styled
def figure(runs: Sequence[MeasuredRun], title: str, subtitle: str) -> Figure:
    """Draw one panel per metric with one row per system: means with their 95 % bootstrap intervals.

    There is room for three metrics and fourteen systems; the first ones are drawn.
    """
    shown = runs[:MOST_SYSTEMS]
    names = measured_metrics(shown)[:MOST_METRICS]
    system_looks = looks(run.name for run in runs)
    drawing = Figure(figsize=INCHES)
    drawing.suptitle(f"{textwrap.shorten(title, 60)}\n", x=0.02, ha="left", fontsize=POINTS["title"], fontweight="bold")
    drawing.text(0.02, 0.86, subtitle, fontsize=POINTS["text"], color=QUIET)
    axes = drawing.subplots(1, max(1, len(names)), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=False):
        for position, run in enumerate(shown):
            mean, low, high = run.figure(name)
            if np.isfinite(mean):
                bars = error_bars(mean, low, high)
                look = system_looks[run.name]
                axis.errorbar(mean, position, xerr=bars, color=look.colour, marker=look.marker)
        definition = metric(name)
        unit = f" ({definition.unit})" if definition.unit else ""
        axis.set_xlabel(f"{definition.title}{unit}\n{arrow_label(definition)}")
    axes[0].set_yticks(range(len(shown)), [textwrap.shorten(run.title, 28) for run in shown])
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    return drawing
