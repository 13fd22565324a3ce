"""Every clip's score for each system, the same clip joined by a line.

A mean hides which clips a system fails on, and whether two systems fail on the same ones: parallel lines say that the
clips differ, crossing ones that the systems do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.runs import choose_metrics, has, unequal_clips
from m2l_bench.plots.style import QUIET, footnote, metric_label, panels, styled
from m2l_bench.runs.measured import MeasuredRun

MOST_LINES = 200
"""With more clips their lines and points are a blot: the shape of the distribution takes their place."""
HALF_WIDTH = 0.2
ASIDE = 0.34
"""Of the mean, so that it stands beside its box."""


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = (), ordered: bool = False) -> Figure:
    """A panel a metric: points are clips, boxes quartiles, markers means with their 95 % bootstrap interval.

    Args:
        runs: over one dataset; see `runs.load_runs`.
        metrics: with a value for each clip; by default all of these that were measured.
        ordered: keep the order of the runs; by default the mean of the first metric decides.

    Raises:
        UserError: there is no such metric, or no run has it.
    """
    metrics = choose_metrics(runs, metrics, paired=True)
    order = runs if ordered else sorted(runs, key=lambda run: _mean(run, metrics[0]))
    look = looks(run.name for run in runs)
    drawing, axes = panels(len(metrics), height=3.0, columns=2)
    notes = unequal_clips(runs)
    for axis, name in zip(axes, metrics, strict=True):
        shown = [run for run in order if has(run, name)]
        _lines(axis, shown, name)
        for place, run in enumerate(shown):
            _system(axis, place, run, name, look[run.name])
        axis.set_xticks(
            range(len(shown)), [run.title for run in shown], rotation=35, ha="right", rotation_mode="anchor"
        )
        axis.set_ylabel(metric_label(name))
        axis.grid(axis="x", visible=False)
        absent = [run.title for run in runs if run not in shown]
        notes += [f"{name}: not measured on {', '.join(absent)}"] if absent else []
    footnote(drawing, notes)
    return drawing


def _mean(run: MeasuredRun, name: str) -> float:
    values = list(run.values(name).values())
    return float(np.mean(values)) if values else -np.inf


def _finite(run: MeasuredRun, name: str) -> dict[str, float]:
    return {id: value for id, value in run.values(name).items() if np.isfinite(value)}


def _lines(axis: Axes, runs: Sequence[MeasuredRun], name: str) -> None:
    """Each clip's scores, from system to system."""
    scores = [_finite(run, name) for run in runs]
    ids = sorted(set().union(*scores))
    if len(ids) > MOST_LINES:
        return
    for id in ids:
        heights = [one.get(id, np.nan) for one in scores]
        axis.plot(heights, color=QUIET, alpha=0.25, linewidth=0.5, zorder=1)


def _system(axis: Axes, place: int, run: MeasuredRun, name: str, look: Look) -> None:
    values = np.array(list(_finite(run, name).values()))
    exact = len(run.values(name)) - len(values)
    if exact:
        top = axis.get_xaxis_transform()
        axis.text(place, 0.98, f"∞\n{exact} exact", transform=top, ha="center", va="top", fontsize=6)
    if not len(values):
        return
    if len(values) > MOST_LINES:
        violin: Any = axis.violinplot(values, [place], widths=2.4 * HALF_WIDTH, showextrema=False)
        violin["bodies"][0].set(facecolor=look.colour, alpha=0.25, linewidth=0)
    else:
        axis.plot(np.full(len(values), place), values, ".", color=look.colour, markersize=3, alpha=0.6, zorder=2)
    axis.boxplot(
        values,
        positions=[place],
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
        place + ASIDE,
        mean,
        [[mean - low], [high - mean]],
        color=look.colour,
        marker=look.marker,
        zorder=4,
    )
