"""Quality against its costs: bit rate, latent values per second, and speed. Higher on an axis of quality is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from m2l_bench.errors import UserError
from m2l_bench.metrics import metric
from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.runs import choose_metrics, unequal_clips
from m2l_bench.plots.style import QUIET, error_bars, footnote, legend, metric_label, panels, styled
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.rates import latents_of, rates_of

COSTS = {
    "kilobits_per_second": "Rate (kb/s)\n← lower is better",
    "values_per_second": "Latent values per second\n← lower is better",
    "real_time_factor": "Speed, encoding and decoding\n(times real time)  higher is better →",
}
CONTINUOUS_BITS = 32
"""Bits of a latent value that is a continuous number; a value with fewer bits is an index of a codebook."""


def frame(runs: Sequence[MeasuredRun], metrics: Sequence[str]) -> pd.DataFrame:
    """Make a table with one row per run: `name`, `title`, the costs, and each metric with `_low` and `_high`.

    Unknown figures are NaN. Indices of codebooks are not counted as latent values, so systems with codebooks have no
    `values_per_second`: compare them by their kb/s.
    """
    rows = []
    for run in runs:
        rates = dict(rates_of(run).figures)
        latents = latents_of(run)
        if latents and latents.bits < CONTINUOUS_BITS:
            rates["values_per_second"] = float("nan")
        seconds = sum(1 / rates[f"{direction}_real_time_factor"] for direction in ("encode", "decode"))
        row = {"name": run.name, "title": run.title, **rates, "real_time_factor": 1 / seconds}
        for name in metrics:
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), run.figure(name), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = (), costs: Sequence[str] = tuple(COSTS)) -> Figure:
    """Draw one row per metric and one panel per cost; bars are 95 % bootstrap intervals.

    A line joins the systems that no other beats in both quality and cost. Rates and speeds are over all channels of a
    clip. Systems without a rate (anchors) or with infinite quality (exact copies) cannot be drawn; a footnote names
    them.

    Raises:
        UserError: no run has the metric, or none has any of the costs.
    """
    metrics = choose_metrics(runs, metrics)
    data = frame(runs, metrics).replace([np.inf, -np.inf], np.nan).sort_values("kilobits_per_second")
    costs = [cost for cost in costs if data[cost].notna().any()]
    if not costs:
        raise UserError(f"{', '.join(data['name'])}: no rate and no speed is known of any of these systems")
    system_looks = looks(data["name"])
    drawing, axes = panels(len(metrics) * len(costs), height=2.0, columns=len(costs), share=True, extra=1.0)
    drawn: set[str] = set()
    for position, axis in enumerate(axes):
        name, cost = metrics[position // len(costs)], costs[position % len(costs)]
        points = data.dropna(subset=[name, cost])
        _draw_front(axis, points, cost, name)
        for point in points.to_dict("records"):
            _draw_point(axis, point, cost, name, system_looks[point["name"]])
            drawn.add(point["name"])
        axis.set_xscale("log")
        axis.set_xlim(_limits(data.loc[data[metrics].notna().any(axis=1), cost].dropna()))
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:,g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        if position >= len(axes) - len(costs):
            axis.set_xlabel(COSTS[cost])
        if position % len(costs) == 0:
            axis.set_ylabel(metric_label(name))
    legend(drawing, {run.title: system_looks[run.name] for run in runs if run.name in drawn})
    footnote(drawing, _notes(runs, [run.title for run in runs if run.name not in drawn]))
    return drawing


def _limits(costs: pd.Series) -> tuple[float, float]:
    """Ends of an axis: a little beyond the points, and far enough apart for two labels where they are close or one."""
    low, high = float(costs.min()), float(costs.max())
    margin = max(1.2, 3 / (high / low) ** 0.5)
    return low / margin, high * margin


def _draw_point(axis: Axes, point: dict[Any, Any], cost: str, name: str, look: Look) -> None:
    value = point[name]
    bars = error_bars(value, point[f"{name}_low"], point[f"{name}_high"])
    axis.errorbar(point[cost], value, bars, color=look.colour, marker=look.marker, elinewidth=0.8, zorder=3)


def _draw_front(axis: Axes, points: pd.DataFrame, cost: str, name: str) -> None:
    """Join the systems that no other beats in both quality and cost."""
    best_first = points.assign(quality=points[name].map(metric(name).merit))
    best_first = best_first.sort_values([cost, "quality"], ascending=[cost != "real_time_factor", False])
    front = best_first[best_first["quality"] > best_first["quality"].cummax().shift(fill_value=-np.inf)]
    axis.plot(front[cost], front[name], color=QUIET, linewidth=0.8, alpha=0.5, zorder=1)


def _notes(runs: Sequence[MeasuredRun], absent: Sequence[str]) -> list[str]:
    """Write the footnotes: each remark on rates once, with the systems it applies to, and systems that are not drawn.

    Args:
        absent: titles of the systems that are not drawn.
    """
    titles_by_remark: dict[str, list[str]] = {}
    for run in runs:
        for remark in rates_of(run).remarks:
            titles_by_remark.setdefault(remark, []).append(run.title)
    notes = [f"{', '.join(titles)}: {remark}" for remark, titles in titles_by_remark.items()]
    unexplained = [title for title in absent if not any(title in titles for titles in titles_by_remark.values())]
    return [*unequal_clips(runs), *notes, *([f"no finite figure: {', '.join(unexplained)}"] if unexplained else [])]
