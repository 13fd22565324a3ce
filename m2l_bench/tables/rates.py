"""Rates and speeds of a run: what its system transmits each second, and how fast it is."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from m2l_bench.cards import Latents, load_cards
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Row

VALUES, KILOBITS = "values_per_second", "kilobits_per_second"
SPEEDS = {"encode_real_time_factor": "encode_seconds", "decode_real_time_factor": "decode_seconds"}


@dataclass(frozen=True)
class Rates:
    """Rates and speeds of a run, over all channels of its clips together."""

    figures: dict[str, float]
    """Figures by column name; NaN where unknown."""
    remarks: list[str]
    """Reasons why a figure is unknown, and how rates can be compared."""


def rates_of(run: MeasuredRun) -> Rates:
    """Compute speeds from the rows, and rates from the card's `latents`; from the rows where the card states none.

    So a system has the rate that `m2l-bench models` shows, whatever the codec adds to fill the last frame of a clip.
    """
    rows = run.measured
    seconds = sum(map(seconds_of, rows))
    figures = dict.fromkeys((VALUES, KILOBITS, *SPEEDS), math.nan)
    for name, column in SPEEDS.items():
        times: list[float | None] = [getattr(row, column) for row in rows]
        if rows and all(times):
            figures[name] = seconds / sum(filter(None, times))
    latents = latents_of(run)
    if not rows:
        return Rates(figures, ["no rate: none of its clips was measured"])
    if latents:
        streams = sum(math.ceil((row.channels or 0) / latents.channels) * seconds_of(row) for row in rows) / seconds
        figures[VALUES] = streams * latents.frames_per_second * latents.width
        figures[KILOBITS] = streams * latents.kilobits_per_second
        indices = f"its values are indices of {latents.bits:g} bits: compare kb/s"
        return Rates(figures, [indices] if latents.bits < 32 else [])
    if all(row.latent_bytes for row in rows):
        figures[KILOBITS] = 8 * sum(row.latent_bytes or 0 for row in rows) / seconds / 1000
        if run.manifest.card.kind == "classical":
            return Rates(figures, ["a bitstream has no latents to count: only its kb/s are given"])
        figures[VALUES] = sum(row.latent_values or 0 for row in rows) / seconds
        return Rates(figures, [])
    if run.manifest.card.kind == "anchor":
        return Rates(figures, ["transmits nothing, so it has no rate"])
    return Rates(figures, ["no rate: its card has no `latents`"])


def latents_of(run: MeasuredRun) -> Latents | None:
    """Latents of the card that was run; if that card is too old to have them, of the present card of the same name."""
    if run.manifest.card.latents:
        return run.manifest.card.latents
    return _latents_by_name().get(run.manifest.key.system)


@functools.cache
def _latents_by_name() -> dict[str, Latents | None]:
    return {card.name: card.latents for card in load_cards().systems.values()}


def seconds_of(row: Row) -> float:
    """Length of the original in seconds."""
    return (row.reference_samples or 0) / (row.sample_rate or 1)
