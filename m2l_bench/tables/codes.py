"""Bits that codes are worth: how a codec uses its codebooks, and the rate of an ideal entropy coder for its codes.

The ideal coder codes each codebook by itself and frame by frame, with known frequencies of the entries (zero order).
The frequencies are those over all clips together, because one clip has too few codes to estimate them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.metrics.codes import Counts, entropy_bits, usage
from m2l_bench.runs.code_counts import read_code_counts
from m2l_bench.runs.measured import MeasuredRun, MeasuredRuns
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.rates import KILOBITS, VALUES, latents_of, rates_of, seconds_of
from m2l_bench.text import counted

IDEAL = Column("ideal_kilobits_per_second", "Ideal kb/s", 2)
COLUMNS = [
    Column(KILOBITS, "kb/s", 2),
    IDEAL,
    Column("ideal_share_pct", "Ideal, % of kb/s", 1),
    Column("usage_pct", "Entries used, mean (%)", 1),
    Column("smallest_usage_pct", "Entries used, smallest (%)", 1),
]
ENOUGH_PER_ENTRY = 10
"""Codes per entry of a codebook from which the entropy of independent codes is less than 0.02 bits too low, for
uniform, geometric and 1/rank frequencies of 1,024 entries."""


@dataclass(frozen=True)
class CodeUse:
    """Codes of a run, over all of its clips that have counts."""

    counts: Counts
    """(codebooks, entries)."""
    clips: int
    """Number of clips with counts."""
    kilobits: float
    """Rate in kb/s of the codec as it is, over all channels of a clip."""
    ideal_kilobits: list[float]
    """Rate in kb/s of an ideal entropy coder, by codebook."""

    @property
    def codes(self) -> int:
        """Number of codes of each codebook."""
        return int(self.counts[0].sum())


def code_use(run: MeasuredRun) -> CodeUse | None:
    """Add up the counts of a run's clips; None where it has none.

    The rate counts as many codes per second as the rate of the codec in other tables: those of its card, or all codes
    where the card states no rate.

    Raises:
        UserError: a file of counts is damaged, or two files have different codebooks.
    """
    total: Counts | None = None
    clips, seconds = 0, 0.0
    for row in run.measured:
        counts = read_code_counts(run.folder, row.id)
        if counts is None:
            continue
        if total is not None and counts.shape != total.shape:
            raise UserError(f"{run.folder}: its clips have codes of different codebooks; delete it to measure it again")
        total = counts if total is None else total + counts
        clips, seconds = clips + 1, seconds + seconds_of(row)
    if total is None:
        return None
    figures = rates_of(run).figures
    codes_per_second = figures[VALUES] if latents_of(run) else total.sum() / seconds
    ideal = codes_per_second / len(total) * entropy_bits(total) / 1000
    return CodeUse(total, clips, figures[KILOBITS], ideal.tolist())


def codes_table(measured: MeasuredRuns, uses: Mapping[str, CodeUse]) -> Table:
    """Make a table with one row for each system with codes, by rate.

    Args:
        uses: codes by system, at least one.
    """
    titles = {run.name: run.title for run in measured.runs if run.name in uses}
    data = pd.DataFrame([_record(name, uses[name]) for name in titles])
    clips = {run.name: len(run.measured) for run in measured.runs}
    return Table(
        data.sort_values([KILOBITS, "system"], ignore_index=True),
        titles,
        COLUMNS,
        [note for name in titles for note in _notes(name, uses[name], clips[name])],
        f"Codes on {measured.dataset}: the rate as transmitted, and that of an ideal entropy coder which codes each "
        "codebook by itself, frame by frame, with the frequencies of its entries over all clips (zero order).",
        head=("System", "Clips", "Codebooks", "Entries"),
        counts=("clips", "codebooks", "entries"),
    )


def codebooks_frame(uses: Mapping[str, CodeUse]) -> pd.DataFrame:
    """Make a frame with one row for each codebook of each system."""
    return pd.DataFrame(
        {
            "system": name,
            "codebook": number,
            "codes": use.codes,
            "entries": len(counts),
            "used_entries": int(np.count_nonzero(counts)),
            "usage_pct": 100 * share,
            "entropy_bits": bits,
            "perplexity": 2**bits,
            IDEAL.name: ideal,
        }
        for name, use in sorted(uses.items())
        for number, (counts, share, bits, ideal) in enumerate(
            zip(use.counts, usage(use.counts), entropy_bits(use.counts), use.ideal_kilobits, strict=True), start=1
        )
    )


def _record(system: str, use: CodeUse) -> dict[str, str | int | float]:
    codebooks, entries = use.counts.shape
    ideal, shares = sum(use.ideal_kilobits), 100 * usage(use.counts)
    return {
        "system": system,
        "clips": use.clips,
        "codebooks": codebooks,
        "entries": entries,
        "codes_per_codebook": use.codes,
        KILOBITS: use.kilobits,
        IDEAL.name: ideal,
        "ideal_share_pct": 100 * ideal / use.kilobits if use.kilobits else math.nan,
        "usage_pct": float(shares.mean()),
        "smallest_usage_pct": float(shares.min()),
    }


def _notes(system: str, use: CodeUse, clips: int) -> list[str]:
    notes = []
    entries = use.counts.shape[1]
    if use.codes < ENOUGH_PER_ENTRY * entries:
        notes.append(
            f"{system}: {counted(use.codes, 'code')} for {entries:,} entries of each codebook, fewer than "
            f"{ENOUGH_PER_ENTRY} per entry: entropy, usage and ideal kb/s are too low"
        )
    if use.clips < clips:
        notes.append(
            f"{system}: codes were counted on {use.clips} of {counted(clips, 'clip')}; "
            "an earlier version measured the others"
        )
    return notes
