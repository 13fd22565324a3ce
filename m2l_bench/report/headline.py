"""The result in one sentence: which system is best by which metric, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from m2l_bench.metrics import metric
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.formats import Column, Table
from m2l_bench.tables.rates import KILOBITS
from m2l_bench.text import counted, first_of, fixed

FEWEST_CLIPS = 6
"""Fewer clips than this cannot give a significant difference."""


def headline(table: Table, runs: Sequence[MeasuredRun], differences: pd.DataFrame) -> str:
    """Write the sentence; empty where fewer than two systems can be compared.

    Anchors are a scale for the others and do not count.

    Args:
        differences: what `significance.differences` returns for these runs.
    """
    systems = {run.name for run in runs if run.manifest.card.kind != "anchor"}
    parts: dict[str, list[str]] = {}
    for column in table.columns:
        if column.name == KILOBITS:
            continue
        rows = table.data[table.data["system"].isin(systems) & table.data[column.name].notna()]
        if len(rows) > 1:
            values = dict(zip(rows["system"], rows[column.name].to_numpy(float).tolist(), strict=True))
            merit = metric(column.name).merit
            best = max(values, key=lambda name: merit(values[name]))
            others = [name for name in values if name != best]
            compared = differences[differences["metric"] == column.name]
            part = (
                f"{_title(column)} ({_value(values[best], column)}; {_certainty(best, others, compared, table.titles)})"
            )
            parts.setdefault(best, []).append(part)
    sentences = [f"{table.titles[best]} is best by {_joined(metrics)}" for best, metrics in parts.items()]
    ending = ". Anchors do not count." if len(systems) < len(runs) else "."
    return "; ".join(sentences) + ending if sentences else ""


def _certainty(best: str, others: Sequence[str], compared: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Say how many of the others are significantly worse, and which may not be."""
    pairs = compared[(compared["first"] == best) | (compared["second"] == best)]
    if pairs.empty:
        return "differences not tested"
    worse = {name for pair in pairs[pairs["better"] == best][["first", "second"]].to_numpy() for name in pair} - {best}
    undecided = [titles[name] for name in others if name not in worse]
    if not undecided:
        return "significantly better than " + ("the other one" if len(others) == 1 else f"all {len(others)} others")
    if pairs["p"].notna().any() and pairs["clips"].max() < FEWEST_CLIPS:
        return f"{counted(int(pairs['clips'].max()), 'clip')} cannot make that certain"
    better = f"significantly better than {len(others) - len(undecided)} of {len(others)}, " if len(others) > 1 else ""
    return f"{better}undecided against {first_of(undecided)}"


def _title(column: Column) -> str:
    return metric(column.name).title


def _value(value: float, column: Column) -> str:
    unit = metric(column.name).unit
    return fixed(value, column.decimals) + (f" {unit}" if unit and np.isfinite(value) else "")


def _joined(parts: Sequence[str]) -> str:
    """Join as in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
