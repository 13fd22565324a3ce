"""Style and sizes that all figures share, and writing figures as files."""

from __future__ import annotations

import functools
import io
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from m2l_bench.errors import UserError
from m2l_bench.metrics import Description, metric
from m2l_bench.plots.design import LIGHT, TYPE
from m2l_bench.plots.looks import Look

COLUMN_INCHES = 3.35
"""Width of a column of a two-column paper, inches."""
PAGE_INCHES = 7.0
"""Width of a page's text, inches."""
SUFFIXES = (".pdf", ".svg", ".png")
LETTERS_PER_INCH = 20
"""Letters per inch of a footnote, whose lines are as long as the figure is wide."""
QUIET = LIGHT["soft"]
"""Colour of everything that is less important than the data: notes, lines between clips."""
POINTS = {name: 8 * size for name, size in TYPE.items()}
"""Sizes of type, in points."""

SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT["ink"],
    "axes.grid": True,
    "axes.labelcolor": LIGHT["ink"],
    "axes.labelsize": POINTS["text"],
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": POINTS["text"],
    "errorbar.capsize": 2,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],  # the first comes with matplotlib: the same on every machine
    "font.size": POINTS["text"],
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.5,
    "legend.fontsize": POINTS["small"],
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 5,
    "pdf.fonttype": 42,  # text stays text: searchable, and accepted by publishers
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "m2l-bench",  # equal figures are equal files
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a title with dollars is no formula
    "xtick.color": LIGHT["ink"],
    "xtick.labelsize": POINTS["small"],
    "ytick.color": LIGHT["ink"],
    "ytick.labelsize": POINTS["small"],
}

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def styled(draw: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate a drawing function: all figures share one style, and the caller's matplotlib settings do not change."""

    @functools.wraps(draw)
    def wrapper(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        with matplotlib.rc_context(SETTINGS):
            return draw(*arguments, **named)

    return wrapper


def panels(
    count: int, height: float, columns: int = 3, share: bool = False, extra: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels, as wide as a column of text if the panels are in one column, else as a page.

    Args:
        height: height of a row, inches.
        columns: largest number of panels side by side.
        share: share horizontal axes within a column and vertical axes within a row.
        extra: height for the legend and notes above and below all panels, inches.
    """
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(COLUMN_INCHES if columns == 1 else PAGE_INCHES, height * rows + extra))
    shared: Any = {"sharex": "col", "sharey": "row"} if share else {}
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for spare in axes[count:]:
        spare.remove()
    return figure, list(axes[:count])


def metric_label(name: str) -> str:
    """Label of an axis, such as "SI-SDR (dB)" and below it "higher is better →".

    The arrow runs along the text: on a vertical axis it points up for higher and down for lower.
    """
    definition = metric(name)
    unit = f" ({definition.unit})" if definition.unit else ""
    return f"{definition.title}{unit}\n{arrow_label(definition)}"


def arrow_label(definition: Description) -> str:
    """Which values are better, with an arrow along an axis from left to right."""
    if definition.zero_is_best:
        return definition.direction
    return f"{definition.direction} →" if definition.higher_is_better else f"← {definition.direction}"


def legend(figure: Figure, entries: Mapping[str, Look]) -> None:
    """Draw one legend above all panels: titles with their colours and markers."""
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=title)
        for title, look in entries.items()
    ]
    columns = 3 if figure.get_figwidth() < PAGE_INCHES else 6
    figure.legend(handles=handles, loc="outside upper center", ncols=min(columns, len(handles)), handletextpad=0.2)


def footnote(figure: Figure, notes: list[str]) -> None:
    """Write notes for the reader in small letters below the figure, one per line."""
    if notes:
        lines = [textwrap.fill(note, int(figure.get_figwidth() * LETTERS_PER_INCH)) for note in notes]
        figure.supxlabel("\n".join(lines), fontsize=POINTS["tiny"], color=QUIET)


@styled
def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PDF, SVG or PNG, by the suffix.

    Raises:
        UserError: the path has another suffix, or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: a figure is written as {', '.join(SUFFIXES)}: choose one of these suffixes")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=_undated(path.suffix.lower()))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


@styled
def to_svg(figure: Figure) -> str:
    """Write the figure as SVG text, for use inside a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=_undated(".svg"))
    return buffer.getvalue()


@styled
def to_png(figure: Figure, dots_per_inch: float) -> bytes:
    """Write the figure as a PNG file's content."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return buffer.getvalue()


def _undated(suffix: str) -> dict[str, Any]:
    """Metadata without a date, so that equal figures are equal files."""
    return {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(suffix, {})


def error_bars(value: float, low: float, high: float) -> NDArray[np.float64]:
    """Lengths (2, 1) below and above a value; an end that rounding put on the wrong side of it has length zero."""
    return np.maximum(0.0, [[value - low], [high - value]])
