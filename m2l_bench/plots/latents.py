"""Measures of latents by system: a panel per measure, with better values always on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from m2l_bench.errors import UserError
from m2l_bench.latent_space.intervals import Figure
from m2l_bench.latent_space.measures import DRAWN, MEASURES
from m2l_bench.plots.looks import Look, looks
from m2l_bench.plots.style import POINTS, QUIET, error_bars, footnote, panels, styled
from m2l_bench.runs.latent_spaces import LatentSpace, read_latent_spaces

COLUMNS = 4
ROW_INCHES, SYSTEM_INCHES = 0.75, 0.22
"""Height of a panel without systems, and of each system in it."""


def load_latents(path: Path, names: Sequence[str] = ()) -> list[LatentSpace]:
    """Read a report on latents: the systems with these names, in this order; by default all.

    Raises:
        UserError: there is no such file, it is no such report, or it has no system of a name.
    """
    spaces = read_latent_spaces(path)
    if not spaces:
        raise UserError(f"{path}: no such report; `m2l-bench latents report` writes it")
    absent = next((name for name in names if name not in spaces), None)
    if absent is not None:
        raise UserError(f"{path}: no system '{absent}'; there are {', '.join(spaces)}")
    return [spaces[name] for name in names or spaces]


@styled
def figure(spaces: Sequence[LatentSpace]) -> Drawing:
    """Draw the measures that tell most; bars are 95 % intervals.

    The axis of a measure of which lower values are better runs from right to left. A dashed line is the distance of as
    many Gaussian draws, the best that can be reached.

    Raises:
        UserError: none of the measures was measured.
    """
    names = [name for name in DRAWN if any(name in space.figures for space in spaces)]
    if not names:
        raise UserError("none of these systems has latents that a figure can show")
    rows = -(-len(names) // COLUMNS)
    height = ROW_INCHES + SYSTEM_INCHES * len(spaces)
    drawing, axes = panels(len(names), height, columns=COLUMNS, extra=0.2 * rows)
    system_looks = looks(space.system for space in spaces)
    for position, (axis, name) in enumerate(zip(axes, names, strict=True)):
        _draw_measure(axis, name, {space.system: space.figures for space in spaces}, system_looks)
        first = position % COLUMNS == 0
        axis.set_yticks(range(len(spaces)), [space.title for space in spaces] if first else [""] * len(spaces))
        axis.set_ylim(len(spaces) - 0.5, -0.5)
    datasets = ", ".join(dict.fromkeys(space.dataset for space in spaces))
    footnote(drawing, [f"{datasets}; bars are 95 % intervals over clips. {_floor_note(names)}".strip()])
    return drawing


def _draw_measure(
    axis: Axes, name: str, figures: Mapping[str, Mapping[str, Figure]], system_looks: Mapping[str, Look]
) -> None:
    measure = MEASURES[name]
    for place, (system, by_name) in enumerate(figures.items()):
        if name not in by_name:
            continue
        value, low, high, _ = by_name[name]
        bars = error_bars(value, low, high) if np.isfinite([low, high]).all() else None
        look = system_looks[system]
        axis.errorbar(value, place, xerr=bars, color=look.colour, marker=look.marker, elinewidth=0.8, zorder=3)
    if name == "gaussian_distance":
        for by_name in figures.values():
            if "gaussian_floor" in by_name:
                axis.axvline(by_name["gaussian_floor"].value, color=QUIET, linestyle="--", linewidth=0.8)
    axis.set_title(measure.short, fontsize=POINTS["small"])
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.15)
    axis.locator_params(axis="x", nbins=3)
    direction = "neither end is better" if measure.better == "neither" else "better →"
    axis.set_xlabel(f"{measure.unit}\n{direction}", fontsize=POINTS["tiny"])
    if measure.better == "lower":
        axis.invert_xaxis()


def _floor_note(names: Sequence[str]) -> str:
    return "Dashed: as many draws of a Gaussian." if "gaussian_distance" in names else ""
