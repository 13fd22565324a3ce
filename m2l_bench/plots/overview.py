"""Means and intervals of all systems in one picture, of the size that previews of links have."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from m2l_bench.metrics.base import Description
from m2l_bench.plots.looks import Look
from m2l_bench.plots.style import POINTS, QUIET, arrow_label, error_bars, styled

INCHES = (6.0, 3.15)
"""Width and height; 1,200 by 630 pixels at 200 dots per inch."""
MOST_METRICS, MOST_SYSTEMS = 3, 14
LONGEST_TITLE, LONGEST_SET = 28, 36
"""Most letters of the title of a system, and of a title that also names a set of clips."""


class Summary(Protocol):
    """What the picture shows of a system."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def look(self) -> Look:
        """Colour and marker."""

    @property
    def figures(self) -> Mapping[str, tuple[float, float, float]]:
        """Value, and low and high end of its 95 % interval, by metric; NaN where not known."""


@styled
def figure(systems: Sequence[Summary], metrics: Sequence[Description], title: str, subtitle: str) -> Figure:
    """Draw one panel per metric with one row per system: values with their 95 % bootstrap intervals.

    There is room for three metrics and fourteen systems; the first ones are drawn.
    """
    shown = systems[:MOST_SYSTEMS]
    panels = metrics[:MOST_METRICS]
    drawing = Figure(figsize=INCHES)
    drawing.suptitle(f"{textwrap.shorten(title, 60)}\n", x=0.02, ha="left", fontsize=POINTS["title"], fontweight="bold")
    drawing.text(0.02, 0.86, subtitle, fontsize=POINTS["text"], color=QUIET)
    axes = drawing.subplots(1, max(1, len(panels)), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, panels, strict=False):
        for position, system in enumerate(shown):
            value, low, high = system.figures[metric.name]
            if np.isfinite(value):
                bars = error_bars(value, low, high)
                axis.errorbar(value, position, xerr=bars, color=system.look.colour, marker=system.look.marker)
        unit = f" ({metric.unit})" if metric.unit else ""
        axis.set_xlabel(f"{metric.title}{unit}\n{arrow_label(metric)}")
    axes[0].set_yticks(range(len(shown)), [_label(system.title) for system in shown])
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    return drawing


def _label(title: str) -> str:
    """Shorten a title; of "system: set" the set stays, because sets of one system differ by it."""
    system, colon, name = title.rpartition(": ")
    if not colon:
        return textwrap.shorten(title, LONGEST_TITLE)
    return textwrap.shorten(system, LONGEST_SET - len(name)) + colon + name
