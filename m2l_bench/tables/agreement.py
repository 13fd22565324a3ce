"""Agreement of metrics: how alike every pair of paired metrics ranks the systems, and the clips within a system.

Both are Spearman's rank correlation, of which `metrics.rank_agreement` has the definition. Over systems it is that of
the systems' means over clips. Over clips it is computed within each system and then averaged over the systems, so that
a system that is better on all clips does not count as agreement. A metric of which zero is best is compared by its
magnitudes. Mean scores of a MUSHRA test take part as one more metric.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, metric
from m2l_bench.metrics.column_sets import ColumnSet, columns_of
from m2l_bench.metrics.rank_agreement import (
    FEWEST,
    Values,
    average_over_systems,
    correlations_over_clips,
    correlations_over_systems,
    draw_counts,
    interval,
)
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.reconstruction import best_first, why_empty
from m2l_bench.text import counted, first_of

LISTENERS = "mushra"
"""Name of the mean scores of a MUSHRA test among the metrics."""
BLOCK = 200_000
"""Most counts of clips that are resampled at once."""
MOST_ROWS = 10
"""Number of pairs that are shown where all of them would be too many to read."""
COLUMNS = [Column("over_systems", "Over systems", 2), Column("over_clips", "Over clips", 2)]

Scores = Mapping[str, Mapping[str, float]]
"""Mean scores of listeners by name of the run and clip id."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of each pair of metrics."""

    metrics: list[str]
    """Metrics that have a value, in the order of the tables; listeners are the first."""
    systems: list[str]
    """Systems that entered, in the order of the tables."""
    clips: list[str]
    merits: Values
    """(metrics, systems, clips): higher for better sounds, NaN where there is no value."""
    pairs: pd.DataFrame
    """One row per pair, those of listeners first and then by agreement over systems, the lowest first: `first`,
    `second`, `systems` and `clips` that have both metrics, `over_systems` and `over_clips` with `_low` and `_high`, and
    `systems_over_clips`, the number of systems that `over_clips` is the mean of."""
    notes: list[str] = field(default_factory=list)


def agreement_of(
    runs: Sequence[MeasuredRun],
    metrics: Sequence[str],
    listeners: Scores | None = None,
    progress: Progress | None = None,
) -> Agreement:
    """Compare each pair of metrics on these runs.

    Args:
        runs: runs over one dataset.
        metrics: names of paired metrics; those without any value are left out, and a note says why.
        listeners: mean scores of a MUSHRA test, which are compared with each metric.

    Raises:
        UserError: fewer than two metrics have a value.
    """
    systems = best_first([run for run in runs if run.measured])
    values = {name: [_merits(run, name) for run in systems] for name in metrics}
    if listeners:
        values = {LISTENERS: [dict(listeners.get(run.name, {})) for run in systems], **values}
    named = [name for name in values if any(values[name])]
    if len(named) < 2:
        have = " and ".join(named) or "none"
        raise UserError(
            f"metrics with a value for each clip: {have}; agreement needs two: "
            "m2l-bench reconstruct --columns all measures more"
        )
    clips = sorted({id for name in named for by_clip in values[name] for id in by_clip})
    merits = np.array([[[by_clip.get(id, np.nan) for id in clips] for by_clip in values[name]] for name in named])
    agreement = Agreement(named, [run.name for run in systems], clips, merits, _pairs(named, merits, progress))
    agreement.notes.extend(_notes(agreement, systems, metrics))
    return agreement


def paired_metrics(runs: Sequence[MeasuredRun], columns: ColumnSet) -> list[str]:
    """Name the paired metrics of a set that were to be measured, in the order of the tables."""
    requested = {name for run in runs for name in run.requested_metrics}
    return [name for name in columns_of(columns, requested) if name in PAIRED and name in requested]


def title_of(name: str) -> str:
    """Title of a metric, or of the listeners' scores."""
    return "Listeners (MUSHRA)" if name == LISTENERS else metric(name).title


def agreement_table(agreement: Agreement, dataset: str, notes: Sequence[str] = ()) -> Table:
    """Make the table with all pairs.

    Args:
        notes: further notes for its readers, on the runs.
    """
    return Table(
        agreement.pairs,
        {name: title_of(name) for name in agreement.metrics},
        COLUMNS,
        [*agreement.notes, *notes],
        f"Agreement of metrics on {dataset}: Spearman's rank correlation [95 % bootstrap interval over clips]. +1: "
        "both metrics order the systems or clips alike, from worse to better; 0: they are unrelated; -1: what is "
        "better by one is worse by the other.",
        ("Metric", "Other metric"),
        ("second",),
        key="first",
        rule=sum(agreement.pairs["first"] == LISTENERS) or None,
    )


def shortened(table: Table, where: str) -> Table:
    """Keep the first rows of the table: the pairs with listeners, and those that disagree most.

    Args:
        where: what has all pairs.
    """
    if len(table.data) <= MOST_ROWS:
        return table
    note = f"the first {MOST_ROWS} of {counted(len(table.data), 'pair')}, which agree least: {where} has all"
    return replace(table, data=table.data.head(MOST_ROWS), notes=[note, *table.notes])


def _merits(run: MeasuredRun, name: str) -> dict[str, float]:
    return {id: metric(name).merit(value) for id, value in run.values(name).items() if not np.isnan(value)}


def _pairs(names: Sequence[str], merits: Values, progress: Progress | None) -> pd.DataFrame:
    """Correlate each pair, on all clips and on the resamples."""
    counts = draw_counts(merits.shape[2])
    blocks = np.array_split(counts, -(-counts.size // BLOCK))
    of_means, of_clips = [], []
    with (progress or Quiet()).start("agreement", len(blocks), 0) as advance:
        for block in blocks:
            of_means.append(correlations_over_systems(merits, block))
            of_clips.append([correlations_over_clips(of_system, block) for of_system in merits.transpose(1, 0, 2)])
            advance()
    over_systems, by_system = np.concatenate(of_means), np.concatenate(of_clips, axis=1)
    over_clips, number = average_over_systems(by_system), (~np.isnan(by_system[:, 0])).sum(axis=0)
    records = []
    for i, j in itertools.combinations(range(len(names)), 2):
        both = ~np.isnan(merits[i]) & ~np.isnan(merits[j])
        record: dict[str, Any] = {"first": names[i], "second": names[j]}
        record |= {"systems": both.any(axis=1).sum(), "clips": both.any(axis=0).sum()}
        record |= _with_interval("over_systems", over_systems[:, i, j])
        record |= _with_interval("over_clips", over_clips[:, i, j])
        records.append(record | {"systems_over_clips": number[i, j]})
    pairs = pd.DataFrame(records)
    pairs = pairs.assign(metrics_only=pairs["first"] != LISTENERS)
    pairs = pairs.sort_values(["metrics_only", "over_systems", "over_clips"], ignore_index=True, kind="stable")
    return pairs.drop(columns="metrics_only")


def _with_interval(name: str, resampled: Values) -> dict[str, float]:
    """Name the value on all clips, which is the first, and its interval; NaN where all clips have no value."""
    low, high = (np.nan, np.nan) if np.isnan(resampled[0]) else interval(resampled[1:])
    return {name: float(resampled[0]), f"{name}_low": low, f"{name}_high": high}


def _notes(agreement: Agreement, runs: Sequence[MeasuredRun], metrics: Sequence[str]) -> list[str]:
    """Say which systems entered, how the columns are computed, and why cells are empty."""
    anchors = [run.name for run in runs if run.manifest.card.kind == "anchor"]
    notes = [
        f"{counted(len(agreement.systems), 'system')}: {', '.join(agreement.systems)}"
        + (f"; anchors, which count as well: {', '.join(anchors)}" if anchors else ""),
        "over systems: of the means over clips; over clips: within each system, then the mean over systems",
    ]
    counts = {len(run.measured) for run in runs}
    if len(counts) > 1:
        notes.append(f"systems were scored on different numbers of clips, from {min(counts)} to {max(counts)}")
    for name, of_systems in zip(agreement.metrics, agreement.merits, strict=True):
        absent = [
            system for system, values in zip(agreement.systems, of_systems, strict=True) if np.isnan(values).all()
        ]
        notes += [f"{name}: no value on {', '.join(absent)}"] if absent else []
    notes += [f"{name}: {why_empty(name, list(runs))}" for name in metrics if name not in agreement.metrics]
    return notes + why_no_correlation(agreement.pairs)


def why_no_correlation(pairs: pd.DataFrame) -> list[str]:
    """Say why cells are empty, once per reason with the pairs that it applies to."""
    names: dict[str, list[str]] = {}
    for record in pairs.to_dict("records"):
        pair = f"{record['first']} and {record['second']}"
        if np.isnan(record["over_systems"]):
            few = record["systems"] < FEWEST
            reason = f"fewer than {FEWEST} systems have both" if few else "one of them is equal on all systems"
            names.setdefault(f"no correlation over systems, since {reason}", []).append(pair)
        if np.isnan(record["over_clips"]):
            reason = f"no system has {counted(FEWEST, 'clip')} with both on which both differ"
            names.setdefault(f"no correlation over clips, since {reason}", []).append(pair)
    return [
        f"{reason}: {'all pairs' if len(affected) == len(pairs) else first_of(affected, separator='; ')}"
        for reason, affected in names.items()
    ]
