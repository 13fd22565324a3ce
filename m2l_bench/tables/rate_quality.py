"""Quality against rate, from runs on disk: what a system transmits each second, how fast it is, and each metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from m2l_bench.metrics.fad import frechet_name
from m2l_bench.runs.measured import MeasuredRun, MeasuredRuns
from m2l_bench.tables.codes import IDEAL, CodeUse
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.published import NOT_MEASURED
from m2l_bench.tables.rates import KILOBITS, VALUES, Rates, rates_of

COLUMNS = [
    Column(VALUES, "Values a second", 0),
    Column(KILOBITS, "kb/s", 2),
    IDEAL,
    Column("encode_real_time_factor", "Encode, times real time", 1),
    Column("decode_real_time_factor", "Decode, times real time", 1),
]


def rate_quality_table(table2: Table, measured: MeasuredRuns, uses: Mapping[str, CodeUse]) -> Table:
    """Sort the measured systems of Table 2 by rate, and add `values_per_second`, `kilobits_per_second` and speeds.

    Args:
        measured: the runs that `table2` was made from.
        uses: codes by system, of the systems that have codes.
    """
    rates = {run.name: rates_of(run) for run in measured.runs}
    figures = {name: {**rate.figures, IDEAL.name: _ideal(uses.get(name))} for name, rate in rates.items()}
    data = table2.data[table2.data["clips"] > 0]
    metrics = [column for column in table2.columns if column.name != KILOBITS]
    # Where kernel distances are shown, the CSV file has the Fréchet distances as well.
    names = dict.fromkeys(name for column in metrics for name in (frechet_name(column.name), column.name))
    quality = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    data = data[["system", "clips", *quality]]
    columns = [column for column in COLUMNS if uses or column is not IDEAL]
    for place, column in enumerate(columns, start=2):
        data.insert(place, column.name, [figures[name][column.name] for name in data["system"]])
    notes = [note for note in table2.notes if not note.endswith(NOT_MEASURED)]
    return replace(
        table2,
        data=data.sort_values([KILOBITS, "system"], ignore_index=True),
        columns=[*columns, *metrics],
        notes=[*_remarks(rates), *_speed_notes(measured.runs), *notes],
        caption=(
            f"Quality against rate on {measured.dataset}: mean over clips [95 % bootstrap interval]; rates and speeds "
            f"are of all channels of a clip, {_mean_channels(measured.runs):.2f} on average."
        ),
        rule=None,
        beside=None,
    )


def _ideal(use: CodeUse | None) -> float:
    return sum(use.ideal_kilobits) if use else math.nan


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
