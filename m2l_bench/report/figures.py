"""Figures of `m2l_bench.plots` as images inside a page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.errors import UserError
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.probe import ProbeRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True)
class Figure:
    """An image, and in words what it shows."""

    title: str
    description: str
    data: str
    """SVG as a data URI."""


def of_runs(runs: Sequence[MeasuredRun], swept: bool) -> list[Figure]:
    """Of reconstructions over one dataset.

    Args:
        swept: whether a system was run with several numbers of denoising steps.
    """
    from m2l_bench.plots import distribution, figure2, pareto

    wanted: list[tuple[str, str, Callable[[], Drawing]]] = [
        (
            "Every clip",
            "Each point is a clip and a thin line joins its scores. Boxes are quartiles; the marker beside a box is "
            "the mean with its 95 % interval.",
            lambda: distribution.figure(runs),
        ),
        (
            "Quality against rate and speed",
            "The line joins the systems that no other beats in both. Bars are 95 % intervals.",
            lambda: pareto.figure(runs),
        ),
    ]
    if swept:
        wanted.append(
            (
                "Quality against denoising steps",
                "Figure 2 of the paper. Bands are 95 % intervals.",
                lambda: figure2.figure(runs),
            )
        )
    return _drawn(wanted)


def of_probes(runs: Sequence[ProbeRun]) -> list[Figure]:
    """Confusion matrices of one task."""
    from m2l_bench.plots import confusion

    described = "Rows are true classes, columns predicted ones, in percent of the row; means over seeds."
    return _drawn([("Confusions", described, lambda: confusion.figure(runs))])


def of_trainings(folders: Sequence[Path]) -> list[Figure]:
    """Curves of training runs."""
    from m2l_bench.plots import training

    described = "Loss, and figures of one-step reconstructions of held-out clips."
    return _drawn([("Training", described, lambda: training.figure(training.read_logs(folders)))])


def _drawn(wanted: Sequence[tuple[str, str, Callable[[], Drawing]]]) -> list[Figure]:
    """Those that these runs have the figures for."""
    from m2l_bench.plots import style

    drawn = []
    for title, description, draw in wanted:
        try:
            image = style.to_svg(draw())
        except UserError:  # a figure that has nothing to show, such as rates of anchors, is left out
            continue
        encoded = base64.b64encode(image.encode()).decode()
        drawn.append(Figure(title, description, f"data:image/svg+xml;base64,{encoded}"))
    return drawn
