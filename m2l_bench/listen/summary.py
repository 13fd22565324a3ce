"""Summary of the answers of blind tests, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from m2l_bench.console.terminal import table
from m2l_bench.listen.answers import read_answers
from m2l_bench.listen.statistics import (
    AbxResult,
    MushraResult,
    abx_results,
    excluded_listeners,
    mushra_results,
    unfinished,
)
from m2l_bench.text import p_text


@dataclass(frozen=True)
class Summary:
    """Results of all answers."""

    abx: list[AbxResult]
    mushra: list[MushraResult]
    excluded: dict[str, str]
    """Listeners of MUSHRA who do not count, with the reasons."""
    notes: list[str]


def sum_up(paths: Iterable[Path]) -> Summary:
    """Read and summarise files of answers.

    Raises:
        UserError: as in `read_answers`.
    """
    answers = read_answers(paths)
    excluded = excluded_listeners(answers.mushra)
    return Summary(
        abx_results(answers.abx),
        mushra_results(answers.mushra, excluded),
        excluded,
        [*answers.notes, *unfinished(answers.abx)],
    )


def print_summary(console: Console, summary: Summary) -> None:
    """Print one table per test, and the listeners who were excluded."""
    if summary.abx:
        rows = [
            [" / ".join(result.pair), result.listener, f"{result.correct}/{result.trials}", p_text(result.p)]
            for result in summary.abx
        ]
        title = "ABX: number of right answers; p: probability of as many or more by guessing"
        console.print(table(title, ["pair", "listener", "right", "p"], rows))
    if summary.mushra:
        scores = [
            [result.system, result.role, str(result.ratings), f"{result.mean:.1f}", _interval(result)]
            for result in summary.mushra
        ]
        title = "MUSHRA: mean score over listeners and clips"
        console.print(table(title, ["system", "role", "ratings", "mean", "95 % interval"], scores))
    for listener, reason in summary.excluded.items():
        console.print(f"excluded: {listener}: {reason}", markup=False, soft_wrap=True)


def summary_json(summary: Summary) -> dict[str, Any]:
    """Make the JSON output; an unknown interval is null."""
    content = asdict(summary)
    for result in content["mushra"]:
        result |= {name: None for name in ("low", "high") if math.isnan(result[name])}
    return content


def _interval(result: MushraResult) -> str:
    return "" if math.isnan(result.low) else f"{result.low:.1f} to {result.high:.1f}"
