"""Confusion matrix of a probe on the test clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from m2l_bench.errors import UserError
from m2l_bench.plots.style import COLUMN_INCHES, PAGE_INCHES, POINTS, footnote, panels, styled
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.tables.probes import model_title

MOST_NUMBERS = 14
"""Largest number of classes with percentages in the cells; with more, they would be too small to read."""
COLOURS = "Blues"


@styled
def figure(probes: Sequence[ProbeRun]) -> Figure:
    """Draw one panel per probe: the percentage of each true class (row) predicted as each class (column).

    Percentages are means over seeds. A probe whose clips may have several tags each has no confusion matrix; a
    footnote names its task.

    Raises:
        UserError: no probe has a confusion matrix.
    """
    tagged = {run.key.task: run.manifest.task.title for run in probes if run.results.confusion is None}
    probes = [run for run in probes if run.results.confusion is not None]
    if not probes:
        raise UserError(f"{', '.join(tagged)}: clips have several tags each, so there is no confusion matrix")
    columns = 1 if len(probes) == 1 else 2
    width = COLUMN_INCHES if columns == 1 else PAGE_INCHES
    drawing, axes = panels(len(probes), height=0.95 * width / columns, columns=columns)
    several_tasks = len({run.key.task for run in probes}) > 1
    for axis, run in zip(axes, probes, strict=True):
        image = _draw_matrix(axis, run)
        axis.set_title(model_title(run) + (f"\n{run.manifest.task.title}" if several_tasks else ""))
    drawing.colorbar(image, ax=axes, label="of the true class (%)", shrink=0.6, pad=0.02)
    footnote(drawing, [f"{', '.join(tagged.values())}: several tags a clip, so no confusion matrix"] if tagged else [])
    return drawing


def _draw_matrix(axis: Axes, run: ProbeRun) -> AxesImage:
    counts = np.array(run.results.confusion, np.float64)
    clips = counts.sum(axis=1, keepdims=True)
    percent = 100 * counts / np.where(clips > 0, clips, np.nan)
    image = axis.imshow(percent, vmin=0, vmax=100, cmap=COLOURS)
    classes = run.results.classes
    size = POINTS["small"] if len(classes) <= MOST_NUMBERS else 5
    axis.set_xticks(range(len(classes)), classes, rotation=90, fontsize=size)
    axis.set_yticks(range(len(classes)), classes, fontsize=size)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    if len(classes) <= MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(percent):
            if value >= 0.5:
                colour = "white" if value > 55 else "black"
                axis.text(column, row, f"{value:.0f}", color=colour, fontsize=5, ha="center", va="center")
    return image
