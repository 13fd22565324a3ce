"""Tables as a page shows them: text, exact figures beneath, and where a small drawing puts them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.tables.formats import Column, Table, cell, paper_cell, shown_columns, to_csv

EXACT = ".4f"
"""As in the CSV files."""


@dataclass(frozen=True)
class Strip:
    """Places of a figure, its interval and the paper's, in percent of the column's range."""

    value: float
    low: float | None
    high: float | None
    paper: float | None


@dataclass(frozen=True)
class Cell:
    """A figure: what is read, the CSV's number, and its difference from the paper's."""

    text: str
    interval: str
    exact: str
    paper: str
    delta: str
    strip: Strip | None


@dataclass(frozen=True)
class Head:
    """Of a column; beside published ones stands the paper's figure, and its difference where one was measured."""

    title: str
    published: bool
    compared: bool


@dataclass(frozen=True)
class Line:
    """A row: title, name and counts of a system, and its cells."""

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
    """A table of a page."""

    caption: str
    head: tuple[str, ...]
    columns: list[Head]
    lines: list[Line]
    notes: list[str]
    csv_name: str
    csv: str


def sheet(table: Table, csv_name: str) -> Sheet:
    shown = shown_columns(table)
    ranges = {column.name: _range(table.data, column.name) for column, _ in shown}
    records: Iterable[dict[Any, Any]] = table.data.to_dict("records")
    lines = [
        Line(
            table.titles[record["system"]],
            record["system"],
            [f"{int(record[name]):,}" for name in table.counts],
            [_cell(record, column, published, ranges[column.name]) for column, published in shown],
        )
        for record in records
    ]
    columns = [
        Head(column.header, published, any(line.cells[place].delta for line in lines))
        for place, (column, published) in enumerate(shown)
    ]
    return Sheet(table.caption, table.head, columns, lines, table.notes, csv_name, to_csv(table))


def _cell(record: Mapping[str, Any], column: Column, published: bool, limits: tuple[float, float]) -> Cell:
    value = record[column.name]
    text, _, interval = cell(record, column).partition(" ")
    paper = paper_cell(record, column) if published else ""
    delta = signed(value - record[f"{column.name}_paper"], column.decimals) if paper and text else ""
    exact = format(value, EXACT) if text else ""
    return Cell(text, interval, exact, paper, delta, _strip(record, column.name, limits))


def _strip(record: Mapping[str, Any], name: str, limits: tuple[float, float]) -> Strip | None:
    low, high = limits
    if not high > low or not np.isfinite(record[name]):
        return None

    def place(suffix: str) -> float | None:
        value = record.get(f"{name}{suffix}")
        return None if value is None or not np.isfinite(value) else round(100 * (value - low) / (high - low), 2)

    return Strip(place("") or 0.0, place("_low"), place("_high"), place("_paper"))


def _range(data: pd.DataFrame, name: str) -> tuple[float, float]:
    """Of all finite figures in a column, of intervals, and of the paper's for what was measured."""
    present = [f"{name}{end}" for end in ("", "_low", "_high", "_paper") if f"{name}{end}" in data]
    values = data.loc[data[name].notna(), present].to_numpy(float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)


def signed(value: float, decimals: int) -> str:
    """ "+0.46", "-∞", or empty for NaN."""
    if not np.isfinite(value):
        return "" if np.isnan(value) else "+∞" if value > 0 else "-∞"
    return f"{round(value, decimals) + 0.0:+.{decimals}f}"  # the sum makes zero of minus zero
