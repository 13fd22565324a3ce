"""Differences of all pairs of systems as a page shows them: a square matrix, and a list with p values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.report.cells import signed
from m2l_bench.tables.formats import Column
from m2l_bench.text import p_text


@dataclass(frozen=True)
class Difference:
    """A cell of the matrix: the row's system minus the column's."""

    text: str
    interval: str
    verdict: str
    """better, worse or undecided; "none" where the two cannot be compared."""


@dataclass(frozen=True)
class Matrix:
    """The differences of all pairs in one metric."""

    column: str
    """Name of the column of the metric."""
    title: str
    tested: bool
    names: list[str]
    titles: list[str]
    rows: list[list[Difference | None]]
    """None on the diagonal."""
    pairs: list[list[str]]
    """Each pair once: first, second, clips, difference, interval, p, corrected p, and the better one."""


def matrix(differences: pd.DataFrame, column: Column, titles: Mapping[str, str], order: Sequence[str]) -> Matrix:
    """Arrange the differences in one metric as a matrix.

    Args:
        differences: rows of one metric, as `significance.differences` returns them.
        column: the metric's column, for its header and decimals.
        titles: titles of the systems by name.
        order: order of the systems by name; systems without differences are left out.
    """
    records: list[dict[Any, Any]] = differences.to_dict("records")
    by_pair = {(record["first"], record["second"]): record for record in records}
    names = [name for name in order if any(name in pair for pair in by_pair)]

    def between(row: str, other: str) -> Difference | None:
        if row == other:
            return None
        sign = 1 if (row, other) in by_pair else -1
        record = by_pair.get((row, other)) or by_pair.get((other, row))
        if record is None or pd.isna(record["difference"]):
            return Difference("", "", "none")
        low, high = sorted((sign * record["low"], sign * record["high"]))
        verdict = "undecided" if not record["better"] else "better" if record["better"] == row else "worse"
        return Difference(
            signed(sign * record["difference"], column.decimals), _interval(low, high, column.decimals), verdict
        )

    rows = [[between(row, other) for other in names] for row in names]
    tested = bool(differences["p"].notna().any())
    pairs = [_pair(record, column.decimals, titles) for record in records]
    return Matrix(column.name, column.header, tested, names, [titles[name] for name in names], rows, pairs)


def _pair(record: Mapping[str, Any], decimals: int, titles: Mapping[str, str]) -> list[str]:
    first, second, better = (titles.get(record[key], record[key]) for key in ("first", "second", "better"))
    difference = signed(record["difference"], decimals)
    interval = _interval(record["low"], record["high"], decimals)
    clips = str(record["clips"])
    return [first, second, clips, difference, interval, p_text(record["p"]), p_text(record["p_holm"]), better]


def _interval(low: float, high: float, decimals: int) -> str:
    return f"[{signed(low, decimals)}, {signed(high, decimals)}]" if np.isfinite([low, high]).all() else ""
