"""Quality against rate, from runs on disk: what a system transmits each second, how fast it is, and each metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from m2l_bench.cards import Latents, load_cards
from m2l_bench.runs.measured import MeasuredRun, MeasuredRuns
from m2l_bench.runs.schema import Row
from m2l_bench.tables.formats import Column, Table

VALUES, KILOBITS = "values_per_second", "kilobits_per_second"
SPEEDS = {"encode_real_time_factor": "encode_seconds", "decode_real_time_factor": "decode_seconds"}
COLUMNS = [
    Column(VALUES, "Values a second", 0),
    Column(KILOBITS, "kb/s", 2),
    Column("encode_real_time_factor", "Encode, times real time", 1),
    Column("decode_real_time_factor", "Decode, times real time", 1),
]


@dataclass(frozen=True)
class Rates:
    """Rates and speeds of a run, over all channels of its clips together."""

    figures: dict[str, float]
    """Figures by column name; NaN where unknown."""
    remarks: list[str]
    """Reasons why a figure is unknown, and how rates can be compared."""


def rate_quality_table(table2: Table, measured: MeasuredRuns) -> Table:
    """Sort the measured systems of Table 2 by rate, and add `values_per_second`, `kilobits_per_second` and speeds.

    Args:
        measured: the runs that `table2` was made from.
    """
    rates = {run.name: rates_of(run) for run in measured.runs}
    data = table2.data[table2.data["clips"] > 0]
    quality = [f"{column.name}{end}" for column in table2.columns for end in ("", "_low", "_high")]
    data = data[["system", "clips", *quality]]
    for place, column in enumerate(COLUMNS, start=2):
        data.insert(place, column.name, [rates[name].figures[column.name] for name in data["system"]])
    notes = [note for note in table2.notes if "only the paper's figures are known" not in note]
    return replace(
        table2,
        data=data.sort_values([KILOBITS, "system"], ignore_index=True),
        columns=[*COLUMNS, *table2.columns],
        notes=[*_remarks(rates), *_speed_notes(measured.runs), *notes],
        caption=(
            f"Quality against rate on {measured.dataset}: mean over clips [95 % bootstrap interval]; rates and speeds "
            f"are of all channels of a clip, {_mean_channels(measured.runs):.2f} on average."
        ),
    )


def rates_of(run: MeasuredRun) -> Rates:
    """Compute rates and speeds from the rows if the codec ran here, else from its card's `latents`."""
    rows = run.measured
    seconds = sum(map(_seconds, rows))
    figures = dict.fromkeys((column.name for column in COLUMNS), math.nan)
    for name, column in SPEEDS.items():
        times: list[float | None] = [getattr(row, column) for row in rows]
        if rows and all(times):
            figures[name] = seconds / sum(filter(None, times))
    latents = latents_of(run)
    if rows and all(row.latent_bytes for row in rows):
        figures[KILOBITS] = 8 * sum(row.latent_bytes or 0 for row in rows) / seconds / 1000
        if latents is None and run.manifest.card.kind == "classical":
            return Rates(figures, ["a bitstream has no latents to count: only its kb/s are given"])
        figures[VALUES] = sum(row.latent_values or 0 for row in rows) / seconds
        remarks = []
    elif latents:
        streams = sum(math.ceil((row.channels or 0) / latents.channels) * _seconds(row) for row in rows) / seconds
        figures[VALUES] = streams * latents.frames_per_second * latents.width
        figures[KILOBITS] = streams * latents.kilobits_per_second
        remarks = ["recorded elsewhere, its rate is that of its card"]
    elif run.manifest.card.kind == "anchor":
        return Rates(figures, ["transmits nothing, so it has no rate"])
    else:
        return Rates(figures, ["no rate: its card has no `latents`"])
    if latents and latents.bits < 32:
        remarks.append(f"its values are indices of {latents.bits} bits: compare kb/s")
    return Rates(figures, remarks)


def latents_of(run: MeasuredRun) -> Latents | None:
    """Latents of the card that was run; if that card is too old to have them, of the present card of the same name."""
    if run.manifest.card.latents:
        return run.manifest.card.latents
    card = load_cards().systems.get(run.manifest.key.system)
    return card.latents if card else None


def _seconds(row: Row) -> float:
    """Length of the original in seconds."""
    return (row.reference_samples or 0) / (row.sample_rate or 1)


def _mean_channels(runs: list[MeasuredRun]) -> float:
    clips = {row.id: row.channels or 0 for run in runs for row in run.measured}
    return sum(clips.values()) / len(clips) if clips else math.nan


def _remarks(rates: dict[str, Rates]) -> list[str]:
    """Write each remark once, with the names of the systems it applies to."""
    systems: dict[str, list[str]] = {}
    for name, rate in rates.items():
        for remark in rate.remarks:
            systems.setdefault(remark, []).append(name)
    return [f"{', '.join(sorted(names))}: {remark}" for remark, names in sorted(systems.items())]


def _speed_notes(runs: list[MeasuredRun]) -> list[str]:
    """Name the devices that the speeds were measured on."""
    timed = [run for run in runs if any(row.encode_seconds for row in run.rows)]
    sessions = [session for run in timed for session in run.manifest.sessions if session.cores]
    devices = sorted({f"{session.device} of {session.cores} cores" for session in sessions})
    if not devices:
        return []
    return [
        f"speeds: on {', '.join(devices)}, while other clips were scored; `python benchmarks/codec.py --models all` "
        "measures them alone"
    ]
