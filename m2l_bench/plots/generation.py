"""Sets of `m2l-bench generate`: how far the samples of each system have come from its floor to its ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from m2l_bench.errors import UserError
from m2l_bench.metrics import kernel_metric, metric
from m2l_bench.plots.design import LIGHT
from m2l_bench.plots.looks import looks
from m2l_bench.plots.style import QUIET, error_bars, footnote, panels, styled
from m2l_bench.runs.generated import CORPUS, NOISE, SAMPLES

ROW_INCHES, OTHER_INCHES = 0.17, 1.0
"""Height of a row, and of axis and footnote."""
READING = (
    "The grey band reaches from random latents, the floor, to random crops of the corpus, which a perfect generator "
    "would give. Compare the samples with the band of the same system."
)


def load_sets(path: Path, names: Sequence[str] = ()) -> pd.DataFrame:
    """Read a `generate.csv`: the systems with these names, in this order; by default all.

    Raises:
        UserError: there is no such file, it is no such table, or it has no system of a name.
    """
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; `m2l-bench generate` writes it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from error
    if not {"system", "set", "seed", "count"} <= set(frame) or not _distances(frame):
        raise UserError(f"{path}: not a table of `m2l-bench generate`")
    systems = list(dict.fromkeys(frame["system"]))
    absent = next((name for name in names if name not in systems), None)
    if absent is not None:
        raise UserError(f"{path}: no system '{absent}'; there are {', '.join(systems)}")
    return pd.concat([frame[frame["system"] == name] for name in names or systems], ignore_index=True)


def _distances(frame: pd.DataFrame) -> list[str]:
    """Names of the distances that were measured, kernel distances first."""
    names = [name.removesuffix("_low") for name in map(str, frame) if name.endswith("_low")]
    return sorted(names, key=lambda name: not kernel_metric(name))


@styled
def figure(sets: pd.DataFrame) -> Drawing:
    """Draw each distance of each set; better values are on the right, bars are 95 % intervals over clips."""
    names = _distances(sets)
    places = _places(sets)
    height = max(places) + 2
    drawing, axes = panels(len(names), ROW_INCHES * height + OTHER_INCHES, columns=2)
    for axis, name in zip(axes, names, strict=True):
        _draw_distance(axis, name, sets, places)
        axis.set_ylim(height - 1, -0.75)
        axis.set_yticks(places, [])
    for axis in axes[::2]:
        axis.set_yticklabels([_label(row) for _, row in sets.iterrows()])
    sizes = " or ".join(str(size) for size in sorted(set(sets["count"])))
    footnote(drawing, [READING, f"Clips in each set: {sizes}. Bars are 95 % intervals over clips."])
    return drawing


def _places(sets: pd.DataFrame) -> list[int]:
    """Give each set a height: under the name of its system, one row below the set before it."""
    new_system = sets["system"] != sets["system"].shift()
    return [row + int(systems) for row, systems in enumerate(new_system.cumsum())]


def _label(row: pd.Series) -> str:
    return str(row["set"]) if np.isnan(row["seed"]) else f"{row['set']}, seed {row['seed']:.0f}"


def _draw_distance(axis: Axes, name: str, sets: pd.DataFrame, places: Sequence[int]) -> None:
    by_system = looks(sets["system"])
    for system, own in sets.groupby("system", sort=False):
        rows = [places[position] for position in own.index]
        values = own.set_index("set")[name]
        if {NOISE, CORPUS} <= set(values.index):
            ends = sorted((values[NOISE], values[CORPUS]))
            axis.fill_betweenx((rows[0] - 0.5, rows[-1] + 0.5), *ends, color=LIGHT["line"], linewidth=0)
        axis.text(0.02, rows[0] - 1, str(system), transform=axis.get_yaxis_transform(), va="center", weight="bold")
        for place, (_, row) in zip(rows, own.iterrows(), strict=True):
            colour = by_system[str(system)].colour if row["set"] == SAMPLES else QUIET
            bars = error_bars(row[name], row[f"{name}_low"], row[f"{name}_high"])
            marker = by_system[str(system)].marker if row["set"] == SAMPLES else "|"
            axis.errorbar(row[name], place, xerr=bars, color=colour, marker=marker, elinewidth=0.8, zorder=3)
    axis.set_xlabel(f"{metric(name).title}\nbetter →")
    axis.grid(axis="y", visible=False)
    axis.invert_xaxis()
