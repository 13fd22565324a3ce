"""Figures of `m2l_bench.plots` as images inside a page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.runs.latent_spaces import LatentSpace
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.probe import ProbeRun

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from m2l_bench.tables.agreement import Agreement


@dataclass(frozen=True)
class Figure:
    """An image, with a title and a description in words."""

    title: str
    description: str
    data: str
    """SVG as a data URI."""


def reconstruction_figures(runs: Sequence[MeasuredRun], metrics: Sequence[str], swept: bool) -> list[Figure]:
    """Draw the figures of reconstructions over one dataset.

    Args:
        metrics: names of the metrics to draw.
        swept: whether a system was run with several numbers of denoising steps.
    """
    from m2l_bench.plots import distribution, figure2, pareto

    drawings: list[tuple[str, str, Callable[[], Drawing]]] = [
        (
            "Every clip",
            "Each point is a clip and a thin line joins its scores. Boxes are quartiles; the marker beside a box is "
            "the mean with its 95 % interval.",
            lambda: distribution.figure(runs, [name for name in metrics if name in PAIRED]),
        ),
        (
            "Quality against rate and speed",
            "The line joins the systems that no other beats in both. Bars are 95 % intervals.",
            lambda: pareto.figure(runs, metrics=metrics),
        ),
    ]
    if swept:
        drawings.append(
            (
                "Quality against denoising steps",
                "Figure 2 of the paper. Bands are 95 % intervals.",
                lambda: figure2.figure(runs),
            )
        )
    return _draw_all(drawings)


def agreement_figures(agreement: Agreement) -> list[Figure]:
    """Draw which metrics agree; nothing for one pair, whose two numbers the table has."""
    from m2l_bench.plots import agreement as plot

    if len(agreement.metrics) < 3:
        return []
    description = "Rank correlations over systems are below the diagonal, those over clips above it; hatched: below 0."
    return _draw_all([("Which metrics agree", description, lambda: plot.draw(agreement))])


def latents_figures(spaces: Sequence[LatentSpace]) -> list[Figure]:
    """Draw the measures of latents that tell most."""
    from m2l_bench.plots import latents

    description = "Better values are on the right of every panel; bars are 95 % intervals."
    return _draw_all([("Latents", description, lambda: latents.figure(spaces))])


def generation_figures(sets: pd.DataFrame) -> list[Figure]:
    """Draw how far samples have come from their floor to their ceiling."""
    from m2l_bench.plots import generation

    return _draw_all([("Generation", generation.READING, lambda: generation.figure(sets))])


def probe_figures(runs: Sequence[ProbeRun]) -> list[Figure]:
    """Draw the confusion matrices of one task."""
    from m2l_bench.plots import confusion

    description = "Rows are true classes, columns predicted classes, in percent of the row; means over seeds."
    return _draw_all([("Confusions", description, lambda: confusion.figure(runs))])


def training_figures(folders: Sequence[Path]) -> list[Figure]:
    """Draw the curves of training runs."""
    from m2l_bench.plots import training

    description = "Loss, and scores of one-step reconstructions of held-out clips."
    return _draw_all([("Training", description, lambda: training.figure(training.read_logs(folders)))])


def _draw_all(drawings: Sequence[tuple[str, str, Callable[[], Drawing]]]) -> list[Figure]:
    """Draw those figures that these runs have numbers for.

    Args:
        drawings: title, description and drawing function of each figure.
    """
    from m2l_bench.plots import style

    figures = []
    for title, description, draw in drawings:
        try:
            image = style.to_svg(draw())
        except UserError:  # a figure that has nothing to show, such as rates of anchors, is left out
            continue
        encoded = base64.b64encode(image.encode()).decode()
        figures.append(Figure(title, description, f"data:image/svg+xml;base64,{encoded}"))
    return figures
