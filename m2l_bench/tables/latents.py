"""The measures of latents that tell most, as a table of systems."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m2l_bench.latent_space.measures import MEASURES, SHOWN
from m2l_bench.runs.latent_spaces import LatentSpace
from m2l_bench.tables.formats import Column, Table

COLUMNS = [Column(name, MEASURES[name].header, MEASURES[name].decimals) for name in SHOWN]
CODES = [
    Column(name, MEASURES[name].header, MEASURES[name].decimals) for name in ("perplexity", "usage", "stable_codes")
]
NOTES = {
    "gaussian_distance": "From Gaussian: sliced Wasserstein distance of standardised frames, in standard deviations",
    "predictability": "Predictable bits: bits per frame that the last four frames tell of the next",
    "shift_half": "Shift error: change of latents when the audio begins half a frame later, relative to their size",
    "additivity_error": "Additivity error: E(x + y) against E(x) + E(y), relative to its size",
    "noise_0.1_mel": "Noise 0.1: mel distance that noise of 0.1 standard deviations on latents makes",
    "drift_1_mel": "Reconstruction: mel distance to the original",
}


def latents_table(spaces: Sequence[LatentSpace]) -> Table:
    """Make a table with one row per system.

    Args:
        spaces: at least one.
    """
    rows = []
    for space in spaces:
        clips = max(figure.clips for figure in space.figures.values())
        row: dict[str, str | int | float] = {"system": space.system, "clips": clips}
        for name, figure in space.figures.items():
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        rows.append(row)
    data = pd.DataFrame(rows)
    floors = [space.figures["gaussian_floor"].value for space in spaces if "gaussian_floor" in space.figures]
    notes = [note for name, note in NOTES.items() if name in data]
    if floors:
        notes[0] += f"; as many Gaussian draws: {min(floors):.3f}" + (
            f" to {max(floors):.3f}" if max(floors) - min(floors) >= 0.001 else ""
        )
    datasets = dict.fromkeys(space.dataset for space in spaces)
    return Table(
        data,
        {space.system: space.title for space in spaces},
        [*COLUMNS, *CODES],
        notes,
        f"Latents on {' and '.join(datasets)}: means or pooled values with 95 % intervals.",
    )
