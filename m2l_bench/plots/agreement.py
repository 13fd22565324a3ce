"""Heat map of the agreement of metrics: over systems below the diagonal, over clips above it."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from m2l_bench.plots.design import DIFFERENCES, LIGHT
from m2l_bench.plots.runs import choose_metrics
from m2l_bench.plots.style import COLUMN_INCHES, PAGE_INCHES, POINTS, QUIET, footnote, styled
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.agreement import (
    Agreement,
    Scores,
    agreement_of,
    paired_metrics,
    title_of,
    why_no_correlation,
)

MOST_NUMBERS = 14
"""Largest number of metrics with numbers in the cells; with more, they would be too small to read."""
MOST_IN_A_COLUMN = 4
"""Largest number of metrics for which the figure is as wide as a column of text; with more it is as wide as a page."""
DARK = 0.6
"""Size of a correlation whose cell is so dark that its number is white."""


@styled
def figure(runs: Sequence[MeasuredRun], metrics: Sequence[str] = (), listeners: Scores | None = None) -> Figure:
    """Draw Spearman's rank correlation of each pair of metrics: of systems below the diagonal, of clips above it.

    +1 means that both metrics agree on what is better. Negative cells are hatched, so that they differ from positive
    ones in print without colours. A number in brackets has an interval that contains zero.

    Args:
        runs: runs over one dataset; see `runs.load_runs`.
        metrics: names of paired metrics; default: all that were measured.
        listeners: mean scores of a MUSHRA test by run and clip, which are drawn as the first metric.

    Raises:
        UserError: there is no such metric, or fewer than two have values.
    """
    names = choose_metrics(runs, metrics, paired=True) if metrics else paired_metrics(runs, "all")
    return draw(agreement_of(runs, names, listeners))


@styled
def draw(agreement: Agreement) -> Figure:
    """Draw an agreement that was computed before."""
    names = agreement.metrics
    width = COLUMN_INCHES if len(names) <= MOST_IN_A_COLUMN else PAGE_INCHES
    drawing = Figure(figsize=(width, width))
    axis = drawing.subplots()
    image = _draw_cells(axis, *_matrices(agreement))
    titles = [title_of(name) for name in names]
    axis.set_xticks(range(len(names)), titles, rotation=90)
    axis.set_yticks(range(len(names)), titles)
    axis.set_xlabel("below the diagonal: over systems")
    axis.set_title("above the diagonal: over clips")
    borders = np.arange(len(names) + 1) - 0.5
    axis.set_xticks(borders, minor=True)
    axis.set_yticks(borders, minor=True)
    axis.grid(visible=False)
    axis.grid(which="minor")
    axis.set_axisbelow(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(which="both", length=0)
    drawing.colorbar(image, ax=axis, label="rank correlation", shrink=0.6, pad=0.02)
    footnote(drawing, _notes(agreement, len(names)))
    return drawing


def _matrices(agreement: Agreement) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Arrange the correlations, (metrics, metrics), and whether the interval of each contains zero."""
    place = {name: number for number, name in enumerate(agreement.metrics)}
    values, uncertain = np.full((2, len(place), len(place)), np.nan)
    for pair in agreement.pairs.to_dict("records"):
        first, second = place[pair["first"]], place[pair["second"]]
        for name, cell in (("over_systems", (second, first)), ("over_clips", (first, second))):
            values[cell] = pair[name]
            uncertain[cell] = pair[f"{name}_low"] <= 0 <= pair[f"{name}_high"]
    return values, uncertain == 1


def _draw_cells(axis: Axes, values: NDArray[np.float64], uncertain: NDArray[np.bool_]) -> AxesImage:
    """Draw colours, hatches of negative cells, and numbers where there is room for them."""
    colours = matplotlib.colormaps[DIFFERENCES].with_extremes(bad=LIGHT["line"])
    image = axis.imshow(np.ma.masked_invalid(values), vmin=-1, vmax=1, cmap=colours, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if row == column:
            axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", linewidth=0))
            continue
        if value < 0:
            box = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=QUIET, linewidth=0)
            axis.add_patch(box)
        if len(values) <= MOST_NUMBERS:
            text = "" if np.isnan(value) else f"({value:.2f})" if uncertain[row, column] else f"{value:.2f}"
            ink = "white" if abs(value) > DARK else LIGHT["ink"]
            number = axis.text(column, row, text, color=ink, fontsize=POINTS["tiny"], ha="center", va="center")
            ground = colours((value + 1) / 2)
            number.set_path_effects([withStroke(linewidth=2, foreground=ground)])  # no hatch behind the letters
    return image


def _notes(agreement: Agreement, metrics: int) -> list[str]:
    notes = ["Spearman's rank correlation; +1: both agree on what is better; hatched: below zero."]
    if metrics <= MOST_NUMBERS:
        notes.append("In brackets: the 95 % bootstrap interval over clips contains zero.")
    return [*notes, *why_no_correlation(agreement.pairs), f"Systems: {', '.join(agreement.systems)}."]
