"""Table 2 from runs on disk, beside published figures. This module reads rows and never runs a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.metrics import PAIRED, metric, set_metric
from m2l_bench.metrics.column_sets import MEMBERS, ColumnSet, columns_of
from m2l_bench.metrics.fad import figure_name
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import MeasuredRun, MeasuredRuns, measured_runs
from m2l_bench.runs.order import position
from m2l_bench.runs.schema import Row
from m2l_bench.runs.small_sets import shown_metrics
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.published import NOT_MEASURED, TABLE2, Beside, Published
from m2l_bench.tables.rates import KILOBITS, rates_of
from m2l_bench.text import counted, first_of

QUALITY = ("visqol", "fad_musicnn", "fad", "fad_clap", "si_sdr_db")
"""Metrics that decide the order of the systems, the first that was measured: what listeners hear comes first. Where a
kernel distance is shown in place of a Fréchet distance, it decides."""
NEIGHBOURHOODS = ("density", "coverage", "precision", "recall")
"""Figures of the vectors of whole sets that the CSV file has beside each distance."""
RATE = Column(KILOBITS, "kb/s", 1)


def reconstruction_table(
    out: Path,
    dataset: str | None = None,
    only: set[Path] | None = None,
    reference: str = ORIGINALS,
    beside: Beside = "none",
    columns: ColumnSet = "paper",
) -> Table:
    """Make Table 2 from the runs of one dataset below `out`.

    Args:
        dataset: name of the dataset; default: that of the newest run.
        only: use no other run folders than these.
        reference: reference of the Fréchet distances: the originals, or the name of another measured reference.
        beside, columns: see `table_of`.

    Raises:
        UserError: there are no runs.
    """
    return table_of(measured_runs(out, dataset, only, reference), reference, beside, columns)


def table_of(
    measured: MeasuredRuns, reference: str = ORIGINALS, beside: Beside = "none", columns: ColumnSet = "paper"
) -> Table:
    """Make Table 2 from these runs, which were read with the same `reference`: the best system first, anchors last.

    Args:
        beside: the source of published figures to add, also for its systems that were not measured.
        columns: which metrics the table has, measured or not.
    """
    dataset, runs, notes = measured.dataset, measured.runs, list(measured.notes)
    published = TABLE2.get(beside)
    requested = {name for run in runs for name in run.requested_metrics}
    names = columns_of(columns, requested)
    shown = shown_metrics(names, runs)
    records, titles, measured_models = [], {}, set()
    for run in best_first(runs):
        titles[run.name] = run.title
        rate = rates_of(run).figures[KILOBITS]
        model = published.model(run.manifest.card) if published else ""
        measured_models.add(model)
        records.append(_record(run.name, model, rate, run, published, names))
        notes += [f"{run.name}: computed in {run.precision}"] if run.precision else []
        notes += _clip_notes(run.name, run.rows, names)
    notes += _distance_notes(runs)
    kernels = {name: kernel for name, kernel in zip(names, shown, strict=True) if kernel != name}
    notes += [
        f"{name}: too few vectors, so {kernel} is shown, which needs no covariance; the CSV file has both"
        for name, kernel in kernels.items()
    ]
    unmeasured = published.others(measured_models) if published else []
    for model, name, title in unmeasured:
        records.append(_record(name, model, float("nan"), None, published, names))
        titles[name] = title
    data = pd.DataFrame(records)
    counts = {int(n) for n in data["clips"] if n}
    if len(counts) > 1:
        notes.append("systems were scored on different numbers of clips: see the column clips")
    if unmeasured:
        notes.append(f"{', '.join(name for _, name, _ in unmeasured)}: {NOT_MEASURED}")
    explained = {name for run in runs for name, distance in run.distances.items() if distance.notes}
    empty = [name for name in names if not data[name].notna().any() and name in requested - explained]
    notes += [f"{name}: {why_empty(name, runs)}" for name in empty]
    if columns not in ("paper", "all") and not data[names].notna().any(axis=None):
        notes.append(
            f"none of these metrics was measured: m2l-bench reconstruct --columns {columns} adds them to the runs"
        )
    hidden = [name for name in ("spectral", "stereo", "level", "perceptual") if requested & {*MEMBERS[name]} - {*names}]
    if hidden and columns == "paper":
        notes.append(f"measured as well: --columns {', '.join(hidden)} or all")
    caption = f"Reconstruction on {dataset}: mean over clips [95 % bootstrap interval]."
    if published:
        caption = caption[:-1] + f"; {published.source}: {published.footnote}."
    if any(run.distances for run in runs):
        against = "the originals of the same clips" if reference == ORIGINALS else reference
        kinds = "Fréchet and kernel distances" if kernels else "Fréchet distances"
        caption = caption[:-1] + f"; {kinds} against {against}."
    anchors = sum(run.manifest.card.kind == "anchor" for run in runs)
    return Table(
        data,
        titles,
        [RATE, *(_column(name) for name in shown)],
        notes,
        caption,
        rule=len(runs) - anchors if anchors else None,
        beside=published,
    )


def best_first(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """Sort runs for tables, figures and pages: by the first of `QUALITY` that each has, the best first.

    Anchors, which only give a scale, come last; equal systems are sorted by name, denoising steps and seed.
    """
    quality = shown_metrics(QUALITY, runs)
    return sorted(runs, key=lambda run: _position(run, quality))


def _position(run: MeasuredRun, quality: Sequence[str]) -> tuple[bool, float, str, int, int]:
    key, worse = run.manifest.key, np.inf
    for name in quality:
        value = run.mean(name)
        if not np.isnan(value):
            worse = -metric(name).merit(value)
            break
    return run.manifest.card.kind == "anchor", worse, key.system, key.steps or 0, key.seed or 0


def in_table_order(runs: list[MeasuredRun], table: Table) -> list[MeasuredRun]:
    """Select the runs that the table shows, in its order."""
    position = {name: i for i, name in enumerate(table.data["system"])}
    return sorted((run for run in runs if run.name in position), key=lambda run: position[run.name])


def _column(name: str) -> Column:
    return Column(name, metric(name).header, metric(name).decimals)


def _record(
    system: str,
    model: str,
    rate: float,
    run: MeasuredRun | None,
    published: Published | None,
    columns: list[str],
) -> dict[str, Any]:
    record: dict[str, Any] = {"system": system, "clips": len(run.measured) if run else 0, KILOBITS: rate}
    for name in columns:
        record |= _with_interval(name, run)
        if published:
            record[published.column(name)] = published.figure(model, name)
    for name in columns:
        if name not in PAIRED:
            distance = run.distances.get(name) if run else None
            record[f"{name}_infinity"] = _nan_for_none(distance.infinity if distance else None)
            record |= _with_interval(figure_name(name, "kad"), run)
            record |= {
                figure_name(name, figure): _nan_for_none(getattr(distance, figure, None)) for figure in NEIGHBOURHOODS
            }
    return record


def _with_interval(name: str, run: MeasuredRun | None) -> dict[str, float]:
    figures = run.figure(name) if run else (float("nan"),) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))


def _nan_for_none(value: float | None) -> float:
    return float("nan") if value is None else value


def _distance_notes(runs: list[MeasuredRun]) -> list[str]:
    """Write each note on distances once, with the names of the systems it applies to."""
    systems: dict[str, list[str]] = {}
    for run in runs:
        for name, distance in run.distances.items():
            for note in distance.notes:
                systems.setdefault(f"{name}: {note}", []).append(run.name)
    return [note if len(names) == len(runs) else f"{', '.join(names)}: {note}" for note, names in systems.items()]


def why_empty(name: str, runs: list[MeasuredRun]) -> str:
    """Say why a metric was measured on no system, from the newest session that recorded a reason."""
    sessions = [session for run in runs for session in run.manifest.sessions]
    sessions.sort(key=position)
    reasons = [session.not_measured[name] for session in sessions if name in session.not_measured]
    if reasons:
        return f"not measured: {reasons[-1]}"
    if not any(run.measured for run in runs):
        return "not measured: every clip failed"
    return "not measured"


def _clip_notes(system: str, rows: list[Row], columns: list[str]) -> list[str]:
    """Say why cells or clips are missing from a system's means, counted by reason."""
    notes = []
    for status in ("failed", "missing"):
        reason_by_id = {row.id: row.reason for row in rows if row.status == status}
        if reason_by_id:
            count = len(reason_by_id)
            examples = first_of([f"{id!r}: {reason}" for id, reason in reason_by_id.items()], separator="; ")
            notes.append(f"{system}: {counted(count, 'clip')} {status} ({examples})")
    absent = [repr(row.id) for row in rows if row.absent]
    if absent:
        notes.append(
            f"{system}: {counted(len(absent), 'clip')} no longer in the dataset, not counted ({first_of(absent)})"
        )
    short = {row.id: row for row in rows if row.measured and _is_cut(row)}
    if short:
        examples = first_of([f"{id!r}: {_lengths(row)}" for id, row in short.items()], separator="; ")
        notes.append(f"{system}: {len(short)} of its clips much shorter than the originals ({examples})")
    cut = {row.id: row for row in rows if row.measured and row.missing_samples}
    if cut:
        notes.append(f"{system}: {len(cut)} of its clips cut short and accepted ({first_of([repr(id) for id in cut])})")
    for name in columns:
        definition = set_metric(name)
        column = definition.column if definition else name
        reasons = Counter(note for row in rows if (note := row.note(column)))
        notes += [f"{system}: no {name} on {count} of its clips: {reason}" for reason, count in reasons.items()]
    return notes


def _is_cut(row: Row) -> bool:
    """Whether a reconstruction lasts less than nine tenths of its original."""
    return (row.reconstruction_samples or 0) < 0.9 * (row.reference_samples or 0)


def _lengths(row: Row) -> str:
    rate = row.sample_rate or 1
    return f"{(row.reconstruction_samples or 0) / rate:.2f} of {(row.reference_samples or 0) / rate:.2f} s"
