"""Runs on disk -> quality against rate: what a system transmits each second, how fast it is, and each metric."""

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
    """Of all channels of the clips together; NaN where nothing is known, with the reason."""

    figures: dict[str, float]
    remarks: list[str]


def rate_quality_table(table2: Table, measured: MeasuredRuns) -> Table:
    """The measured systems of Table 2 by rate, with `values_per_second`, `kilobits_per_second` and speeds.

    Args:
        measured: the runs that `table2` was made of.
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
            f"are of all channels of a clip, {_channels(measured.runs):.2f} on average."
        ),
    )


def rates_of(run: MeasuredRun) -> Rates:
    """From the rows where the codec ran here, from the card's `latents` where its output was recorded elsewhere."""
    rows = run.measured
    seconds = sum(map(_seconds, rows))
    figures = dict.fromkeys((column.name for column in COLUMNS), math.nan)
    for name, column in SPEEDS.items():
        spent: list[float | None] = [getattr(row, column) for row in rows]
        if rows and all(spent):
            figures[name] = seconds / sum(filter(None, spent))
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
    """Of the card that was run; of today's card of that name for runs from before cards had them."""
    if run.manifest.card.latents:
        return run.manifest.card.latents
    known = load_cards().systems.get(run.manifest.key.system)
    return known.latents if known else None


def _seconds(row: Row) -> float:
    return (row.reference_samples or 0) / (row.sample_rate or 1)


def _channels(runs: list[MeasuredRun]) -> float:
    clips = {row.id: row.channels or 0 for run in runs for row in run.measured}
    return sum(clips.values()) / len(clips) if clips else math.nan


def _remarks(rates: dict[str, Rates]) -> list[str]:
    """Each remark once, with the systems it holds for."""
    systems: dict[str, list[str]] = {}
    for name, rate in rates.items():
        for remark in rate.remarks:
            systems.setdefault(remark, []).append(name)
    return [f"{', '.join(sorted(names))}: {remark}" for remark, names in sorted(systems.items())]


def _speed_notes(runs: list[MeasuredRun]) -> list[str]:
    """On what the speeds were measured."""
    timed = [run for run in runs if any(row.encode_seconds for row in run.rows)]
    sessions = [session for run in timed for session in run.manifest.sessions if session.cores]
    places = sorted({f"{session.device} of {session.cores} cores" for session in sessions})
    if not places:
        return []
    return [
        f"speeds: on {', '.join(places)}, while other clips were scored; `python benchmarks/codec.py --models all` "
        "measures them alone"
    ]
