"""Tables as a page shows them: text, the exact numbers behind it, and positions in a small drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.tables.formats import Column, Table, cell, published_cell, shown_columns, to_csv
from m2l_bench.tables.published import Published

EXACT = ".4f"
"""Number format of exact figures, the same as in the CSV files."""


@dataclass(frozen=True)
class Strip:
    """Positions of a figure, its interval and the published figure, in percent of the column's range."""

    value: float
    low: float | None
    high: float | None
    published: float | None


@dataclass(frozen=True)
class Cell:
    """A figure: text and interval, the number of the CSV file, and the difference from the published figure."""

    text: str
    interval: str
    exact: str
    published: str
    delta: str
    strip: Strip | None


@dataclass(frozen=True)
class Head:
    """Head of a column."""

    name: str
    title: str
    published: bool
    """Whether there are published figures for the column, which are shown beside it."""
    compared: bool
    """Whether differences from the published figures are shown as well."""


@dataclass(frozen=True)
class Line:
    """Row of a table: title, name and counts of a system, and its cells."""

    title: str
    name: str
    counts: list[str]
    cells: list[Cell]

    @property
    def measured(self) -> bool:
        """Whether any of its cells has a figure."""
        return any(cell.text for cell in self.cells)


@dataclass(frozen=True)
class Sheet:
    """A table on a page."""

    caption: str
    head: tuple[str, ...]
    columns: list[Head]
    lines: list[Line]
    """Rows of the systems that were measured; the CSV file has all."""
    notes: list[str]
    csv_name: str
    csv: str
    beside: Published | None
    """Source of the published figures; None: there are none."""


def sheet(table: Table, csv_name: str) -> Sheet:
    """Convert a table to what a page shows.

    Args:
        csv_name: file name under which readers can download the table.
    """
    columns = shown_columns(table)
    ranges = {column.name: _range(table.data, column.name, published) for column, published in columns}
    records: Iterable[dict[Any, Any]] = table.data.to_dict("records")
    lines = [
        Line(
            table.titles[record["system"]],
            record["system"],
            [f"{int(record[name]):,}" for name in table.counts],
            [_cell(record, column, published, ranges[column.name]) for column, published in columns],
        )
        for record in records
    ]
    shown = [line for line in lines if line.measured]
    heads = [
        Head(
            column.name,
            column.header,
            any(line.cells[position].published for line in shown),
            any(line.cells[position].delta for line in shown),
        )
        for position, (column, _) in enumerate(columns)
    ]
    return Sheet(table.caption, table.head, heads, shown, table.notes, csv_name, to_csv(table), table.beside)


def _cell(record: Mapping[str, Any], column: Column, published: Published | None, limits: tuple[float, float]) -> Cell:
    value = record[column.name]
    text, _, interval = cell(record, column).partition(" ")
    theirs = published_cell(record, column, published) if published else ""
    delta = signed(value - record[published.column(column.name)], column.decimals) if published else ""
    exact = format(value, EXACT) if text else ""
    return Cell(text, interval, exact, theirs, delta, _strip(record, column.name, published, limits))


def _strip(
    record: Mapping[str, Any], name: str, published: Published | None, limits: tuple[float, float]
) -> Strip | None:
    low, high = limits
    if not high > low or not np.isfinite(record[name]):
        return None

    def position(column: str) -> float | None:
        value = record.get(column)
        return None if value is None or not np.isfinite(value) else round(100 * (value - low) / (high - low), 2)

    theirs = position(published.column(name)) if published else None
    return Strip(position(name) or 0.0, position(f"{name}_low"), position(f"{name}_high"), theirs)


def _range(data: pd.DataFrame, name: str, published: Published | None) -> tuple[float, float]:
    """Smallest and largest finite number in a column, including intervals and published figures of measured rows."""
    names = [name, f"{name}_low", f"{name}_high", *([published.column(name)] if published else [])]
    columns = [column for column in names if column in data]
    values = data.loc[data[name].notna(), columns].to_numpy(float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)


def signed(value: float, decimals: int) -> str:
    """Format a number with its sign, such as "+0.46" or "-∞"; empty for NaN."""
    if not np.isfinite(value):
        return "" if np.isnan(value) else "+∞" if value > 0 else "-∞"
    return f"{round(value, decimals) + 0.0:+.{decimals}f}"  # the sum makes zero of minus zero
