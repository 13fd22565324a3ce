"""Every clip's score for each system, the same clip joined by a line.

A mean does not show which clips a system fails on, or whether two systems fail on the same clips. Parallel lines mean
that the clips differ; crossing lines mean that the systems differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.runs import choose_metrics, has_metric, unequal_clips
from m2l_bench.plots.style import POINTS, QUIET, error_bars, footnote, metric_label, panels, styled
from m2l_bench.runs.measured import MeasuredRun

MOST_LINES = 200
"""Largest number of clips drawn as points and lines; with more, the shape of the distribution is drawn instead."""
HALF_WIDTH = 0.2
"""Half of the width of a box; neighbouring systems are 1 apart."""
MEAN_OFFSET = 0.34
"""Horizontal distance of the mean's marker from its box."""


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = ()) -> Figure:
    """Draw one panel per metric: points are clips, boxes quartiles, markers means with their 95 % bootstrap interval.

    Args:
        runs: runs over one dataset, drawn in this order; see `runs.load_runs`.
        metrics: names of paired metrics; default: all that were measured.

    Raises:
        UserError: there is no such metric, or no run has it.
    """
    metrics = choose_metrics(runs, metrics, paired=True)
    system_looks = looks(run.name for run in runs)
    drawing, axes = panels(len(metrics), height=3.0, columns=2)
    notes = unequal_clips(runs)
    for axis, name in zip(axes, metrics, strict=True):
        panel_runs = [run for run in runs if has_metric(run, name)]
        _draw_lines(axis, panel_runs, name)
        for position, run in enumerate(panel_runs):
            _draw_system(axis, position, run, name, system_looks[run.name])
        axis.set_xticks(
            range(len(panel_runs)), [run.title for run in panel_runs], rotation=35, ha="right", rotation_mode="anchor"
        )
        axis.set_ylabel(metric_label(name))
        axis.grid(axis="x", visible=False)
        absent = [run.title for run in runs if run not in panel_runs]
        notes += [f"{name}: not measured on {', '.join(absent)}"] if absent else []
    footnote(drawing, notes)
    return drawing


def _finite_values(run: MeasuredRun, name: str) -> dict[str, float]:
    return {id: value for id, value in run.values(name).items() if np.isfinite(value)}


def _draw_lines(axis: Axes, runs: Sequence[MeasuredRun], name: str) -> None:
    """Join each clip's scores from system to system."""
    scores = [_finite_values(run, name) for run in runs]
    ids = sorted(set().union(*scores))
    if len(ids) > MOST_LINES:
        return
    for id in ids:
        heights = [values.get(id, np.nan) for values in scores]
        axis.plot(heights, color=QUIET, alpha=0.25, linewidth=0.5, zorder=1)


def _draw_system(axis: Axes, position: int, run: MeasuredRun, name: str, look: Look) -> None:
    """Draw points (or the shape of their distribution), box, and mean of one system."""
    values = np.array(list(_finite_values(run, name).values()))
    exact = len(run.values(name)) - len(values)
    if exact:
        top = axis.get_xaxis_transform()
        axis.text(position, 0.98, f"∞\n{exact} exact", transform=top, ha="center", va="top", fontsize=POINTS["tiny"])
    if not len(values):
        return
    if len(values) > MOST_LINES:
        violin: Any = axis.violinplot(values, [position], widths=2.4 * HALF_WIDTH, showextrema=False)
        violin["bodies"][0].set(facecolor=look.colour, alpha=0.25, linewidth=0)
    else:
        axis.plot(np.full(len(values), position), values, ".", color=look.colour, markersize=3, alpha=0.6, zorder=2)
    axis.boxplot(
        values,
        positions=[position],
        widths=2 * HALF_WIDTH,
        showfliers=False,
        showcaps=False,
        medianprops={"color": look.colour, "linewidth": 1.2},
        boxprops={"color": look.colour, "linewidth": 0.8},
        whiskerprops={"color": look.colour, "linewidth": 0.8},
        zorder=3,
    )
    mean, low, high = run.figure(name)
    axis.errorbar(
        position + MEAN_OFFSET,
        mean,
        error_bars(mean, low, high),
        color=look.colour,
        marker=look.marker,
        zorder=4,
    )
