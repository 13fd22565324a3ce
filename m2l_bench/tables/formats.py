"""Tables written as CSV, Markdown, LaTeX, JSON, and rows of plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from m2l_bench.errors import UserError
from m2l_bench.tables.published import Published
from m2l_bench.text import fixed, spreadsheet_text


@dataclass(frozen=True)
class Column:
    """A column of figures: `data` has them as `name`, and where known as `name_low` and `name_high`."""

    name: str
    header: str
    decimals: int


@dataclass
class Table:
    """A table with one row per system or pair of metrics, and notes for its readers."""

    data: pd.DataFrame
    titles: dict[str, str]
    """Titles of the systems or metrics, by their names in the column `key`."""
    columns: list[Column]
    notes: list[str]
    caption: str
    head: tuple[str, ...] = ("System", "Clips")
    counts: tuple[str, ...] = ("clips",)
    """Columns after the key, in the order of `head`: whole numbers, or names that have a title."""
    rule: int | None = None
    """Number of rows above a rule; None: there is no rule."""
    beside: Published | None = None
    """Published figures in `data`, which are shown beside the measured ones."""
    key: str = "system"
    """Column with the names of what the rows are about."""


def write(table: Table, folder: Path, name: str) -> list[Path]:
    """Write `<name>.csv`, and `<name>.md` with the notes, into `folder`, and return the paths.

    Raises:
        UserError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        csv, markdown = folder / f"{name}.csv", folder / f"{name}.md"
        csv.write_text(to_csv(table), encoding="utf-8")
        markdown.write_text(to_markdown(table), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    return [csv, markdown]


def to_csv(table: Table) -> str:
    """Write the whole table as CSV: metric, metric_low, metric_high and published figures, with four decimals."""
    return frame_to_csv(table.data, "%.4f")


def frame_to_csv(data: pd.DataFrame, float_format: str | None = None) -> str:
    """Write a frame as CSV, with names that no spreadsheet takes for formulas."""
    texts = {
        str(name): column.map(spreadsheet_text)
        for name, column in data.items()
        if not is_numeric_dtype(column) and any(spreadsheet_text(value) is not value for value in column)
    }
    return data.assign(**texts).to_csv(index=False, float_format=float_format, lineterminator="\n")


def cell(record: Any, column: Column) -> str:
    """Format a figure with its interval, such as "3.84 [3.71, 3.95]"; empty where nothing was measured."""
    value, low, high = record[column.name], record.get(f"{column.name}_low"), record.get(f"{column.name}_high")
    if pd.isna(value):
        return ""
    if np.isinf(value) or low is None or pd.isna(low):
        return fixed(value, column.decimals)
    value, low, high = (fixed(number, column.decimals) for number in (value, low, high))
    return f"{value} [{low}, {high}]"


def published_cell(record: Any, column: Column, published: Published) -> str:
    """Format a published figure; empty where there is none."""
    value = record[published.column(column.name)]
    return "" if pd.isna(value) else fixed(value, column.decimals)


def shown_columns(table: Table) -> list[tuple[Column, Published | None]]:
    """List the columns in which something was measured, each with its published figures or None."""

    def has_figures(name: str) -> bool:
        return name in table.data and bool(table.data[name].notna().any())

    beside = table.beside
    return [
        (column, beside if beside and has_figures(beside.column(column.name)) else None)
        for column in table.columns
        if has_figures(column.name)
    ]


def text_rows(table: Table) -> tuple[list[str], list[list[str]]]:
    """Make header and rows of plain text, with the columns that were measured on at least one system."""
    columns = shown_columns(table)
    head = list(table.head)
    for column, published in columns:
        head += [column.header, published.source] if published else [column.header]
    rows = []
    for record in table.data.to_dict("records"):
        row = [table.titles[record[table.key]]]
        row += [str(table.titles.get(record[name], record[name])) for name in table.counts]
        for column, published in columns:
            row += [cell(record, column)] + ([published_cell(record, column, published)] if published else [])
        rows.append(row)
    return head, rows


def to_markdown(table: Table) -> str:
    """Write a GitHub table with caption and notes."""
    head, rows = text_rows(table)
    lines = [
        _escape_markdown(table.caption),
        "",
        _markdown_row(head),
        _markdown_row(["---", *["---:"] * (len(head) - 1)]),
    ]
    lines += [_markdown_row(row) for row in rows]
    lines += ["", *[f"- {_escape_markdown(note, keep_code=True)}" for note in table.notes]]
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """Write a booktabs tabular with caption and notes as comments."""
    head, rows = text_rows(table)
    lines = [f"% {_on_one_line(table.caption)}", *[f"% {_on_one_line(note)}" for note in table.notes]]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_escape_latex, head)) + r" \\", r"\midrule"]
    lines += [_latex_row(row) for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def to_json(table: Table) -> dict[str, Any]:
    """Convert to rows, caption and notes; infinity becomes the string "Infinity", and missing figures become null."""
    rows = [{key: _json_value(value) for key, value in record.items()} for record in table.data.to_dict("records")]
    return {"caption": table.caption, "rows": rows, "notes": table.notes}


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        if np.isnan(value):
            return None
        if np.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    return value


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_escape_markdown, cells)) + " |"


def _escape_markdown(text: str, keep_code: bool = False) -> str:
    """Make a text show as it is, without tags, emphasis and links; with `keep_code`, backticks still mark code."""
    escaped = re.sub(r"[\\|*]|(?<=\])\(" if keep_code else r"[\\|*`]|(?<=\])\(", r"\\\g<0>", _on_one_line(text))
    return escaped.replace("<", "&lt;")


def _latex_row(cells: list[str]) -> str:
    """Make a row of a tabular; after the line break of the row before, LaTeX would read `[` and `*` as parts of it."""
    row = " & ".join(map(_escape_latex, cells)) + r" \\"
    return "{}" + row if row.startswith(("[", "*")) else row


def _escape_latex(text: str) -> str:
    replacements = {
        "\\": r"\textbackslash{}",
        "∞": r"$\infty$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "`": r"\textasciigrave{}",
    }
    return "".join(replacements.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in _on_one_line(text))
