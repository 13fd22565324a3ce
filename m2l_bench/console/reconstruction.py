"""Output of `reconstruct`, `sweep`, `tables` and `fad`, as text and as JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len
from rich.console import Console

from m2l_bench.adapter import group_by_reason
from m2l_bench.console.terminal import ProgressBars, column_parts, table
from m2l_bench.metrics import PAIRED
from m2l_bench.tables.formats import Table, text_rows, to_json
from m2l_bench.text import counted, fixed

if TYPE_CHECKING:  # `tables` prints and computes nothing: it does not wait for PyTorch
    from m2l_bench.distances.folders import Comparison
    from m2l_bench.distances.upstream import UpstreamScore
    from m2l_bench.probing.pipeline import ProbePlan
    from m2l_bench.reconstruction.merge import Merged
    from m2l_bench.reconstruction.pipeline import Outcome
    from m2l_bench.reconstruction.plan import Plan

READING = (
    "How to read it: ViSQOL and the distances of whole sets follow what listeners hear; SI-SDR compares waveforms, so "
    "a low-pass filter scores high and a decoder that invents detail scores low. Compare systems of similar kb/s."
)


def print_plan(console: Console, plan: Plan) -> None:
    """Print what is going to run, how many systems are not available, and which metrics are not measured, with why."""
    dataset = plan.dataset
    part = f"{len(dataset.clips)} of " if len(dataset.clips) < len(plan.all_clips) else ""
    console.print(f"{plan.task.title}: {part}{counted(len(plan.all_clips), 'clip')}", markup=False, soft_wrap=True)
    if dataset.missing:
        listed = len(dataset.missing) + len(dataset.clips)
        console.print(f"  {len(dataset.missing)} of {listed} listed clips are not on this machine", markup=False)
    console.print(
        f"  runs: {', '.join(card.name for card in plan.available) or 'nothing'}",
        markup=False,
        soft_wrap=True,
    )
    for names, state in group_by_reason(plan.not_measured.items()):
        console.print(f"  not measured: {', '.join(names)}: {state}", markup=False, soft_wrap=True)
    for note in plan.notes:
        console.print(f"  note: {note}", markup=False, soft_wrap=True)


class ReconstructionProgress(ProgressBars):
    """Prints the plan, and a table that gains a row when a system is finished, above the bar of the next one."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, transient=True)
        self.names: list[str] = []
        self.metrics: list[str] = []

    def planned(self, plan: Plan | ProbePlan) -> None:
        plan = cast("Plan", plan)
        print_plan(self.console, plan)
        self.names = [card.name for card in plan.available]
        self.metrics = list(plan.paired_metrics)
        if self.names and self.metrics:
            self._print_row("", [PAIRED[name].header for name in self.metrics])

    def label(self, name: str) -> str:
        return f"{self.names.index(name) + 1}/{len(self.names)} {name}" if name in self.names else name

    def measured(self, outcome: Outcome) -> None:
        failed = f"{len(outcome.failed)} failed" if outcome.failed else ""
        figures = [_figure(name, outcome.means.get(name)) for name in self.metrics]
        self._print_row(outcome.system, [] if outcome.problem else figures, outcome.problem or failed)

    def _print_row(self, name: str, cells: list[str], remark: str = "") -> None:
        """Print cells below their headers, as many as the console is wide, and a remark of any length."""
        line = name.ljust(max(map(len, self.names), default=0))
        for metric, cell in zip(self.metrics, cells, strict=False):
            width = 2 + len(PAIRED[metric].header)
            if len(line) + width <= self.console.width:
                line += cell.rjust(width)
        self.console.print(f"{line}  {remark}".rstrip(), markup=False, soft_wrap=True)


def _figure(name: str, value: float | None) -> str:
    return "" if value is None else fixed(value, PAIRED[name].decimals)


def print_table(console: Console, result: Table, interval_lines: bool = False) -> None:
    """Print a table with its caption and notes; where it is too wide, in parts below each other.

    A number of clips that all systems have is said in the caption and is no column.

    Args:
        interval_lines: put intervals on lines of their own also where a table has several parts.
    """
    head, rows = text_rows(result)
    caption = result.caption
    if "clips" in result.counts:
        place = 1 + result.counts.index("clips")
        counts = {row[place] for row in rows}
        if len(rows) > 1 and len(counts) == 1:
            caption += f" {head[place]}: {counts.pop()}."
            head, rows = _without(place, head), [_without(place, row) for row in rows]
    # In a table of one part, an interval on a line of its own is easier to read than one that is broken in two.
    in_lines = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
    if _is_too_wide(console, head, rows) and (interval_lines or len(column_parts(head, in_lines, console.width)) == 1):
        rows = in_lines
    _print_in_parts(console, head, rows, result.rule)
    console.print(caption, markup=False)
    for note in result.notes:
        console.print(f"- {note}", markup=False)


def _without(place: int, cells: list[str]) -> list[str]:
    return cells[:place] + cells[place + 1 :]


def _print_in_parts(console: Console, head: list[str], rows: list[list[str]], rule: int | None = None) -> None:
    """Print a table; where it is too wide, in parts below each other."""
    for part in column_parts(head, rows, console.width):
        part_head, part_rows = [head[i] for i in part], [[row[i] for i in part] for row in rows]
        console.print(table("", part_head, part_rows, rule, narrow=_is_too_wide(console, part_head, part_rows)))


def _is_too_wide(console: Console, head: list[str], rows: list[list[str]]) -> bool:
    """Tell whether a table does not fit where each cell is on one line."""
    return sum(3 + max(map(cell_len, column)) for column in zip(head, *rows, strict=True)) + 1 > console.width


def print_outcomes(console: Console, outcomes: Sequence[Outcome], plan: Plan, out: Path) -> None:
    """Print how to read the table, what failed, which runs are new ones, what is not available, and the folder."""
    console.print(READING, markup=False)
    _print_problems(console, outcomes)
    if plan.unavailable:
        count = len(plan.available) + len(plan.unavailable)
        console.print(
            f"{len(plan.available)} of {count} systems run on this machine; `m2l-bench models` lists the others",
            markup=False,
            soft_wrap=True,
        )
    folder = out / plan.dataset.label
    console.print(
        f"rows and audio: {folder}{os.sep}<system>{os.sep}clips.parquet, audio{os.sep}",
        markup=False,
        soft_wrap=True,
    )


def print_shard(console: Console, outcomes: Sequence[Outcome], plan: Plan, shard: str, out: Path) -> None:
    """Print what failed in a shard, that it is done, and how the shards become one run."""
    _print_problems(console, outcomes)
    done = f"{len(plan.dataset.clips)} of {counted(len(plan.all_clips), 'clip')}"
    for line in (f"shard {shard} is done: {done}", f"when all shards are done: m2l-bench merge {out}"):
        console.print(line, markup=False, soft_wrap=True)


def print_merged(console: Console, run: Merged) -> None:
    """Print that a run was made from shards."""
    failed = f", {run.failed} of them without metrics" if run.failed else ""
    text = f"{run.folder}: {counted(run.clips, 'clip')} of {counted(run.shards, 'shard')}{failed}"
    console.print(text, markup=False, soft_wrap=True)


def _print_problems(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print which systems and clips failed, and which runs are new ones."""
    for outcome in outcomes:
        if outcome.problem:
            console.print(
                f"{outcome.system} did not run: {outcome.problem}",
                style="bold red",
                markup=False,
                soft_wrap=True,
            )
        if outcome.started_because:
            console.print(
                f"{outcome.system}: a new run, {outcome.folder.name}: {outcome.started_because}",
                markup=False,
                soft_wrap=True,
            )
        for id, reason in outcome.failed.items():
            console.print(f"{outcome.system}: {id!r} failed: {reason}", style="red", markup=False, soft_wrap=True)


def reconstruct_json(outcomes: Sequence[Outcome], plan: Plan, table: Table | None) -> dict[str, Any]:
    """Make the JSON output of `reconstruct` and `sweep`: systems, missing clips, and the table."""
    return {
        "systems": [
            {
                "system": outcome.system,
                "run": str(outcome.folder),
                "measured": outcome.measured,
                "failed": outcome.failed,
                "missing": outcome.missing,
                "problem": outcome.problem,
            }
            for outcome in outcomes
        ],
        "unavailable": {
            card.name: {"reason": state.reason, "command": state.command} for card, state in plan.unavailable
        },
        "missing_clips": list(plan.dataset.missing),
        "table": to_json(table) if table else None,
    }


def print_comparisons(console: Console, comparisons: list[Comparison], recipes: Mapping[str, str]) -> None:
    """Print the distances by each embedding, with notes.

    Where a set has too few vectors for a Fréchet distance, the kernel distance comes first.

    Args:
        recipes: what is embedded and how, by the name of the embedding.
    """
    distances = [comparison.distance for comparison in comparisons]
    frechet = {
        "FAD ↓": [_number(distance.value) for distance in distances],
        "FAD, 95 %": [_interval(distance.low, distance.high) for distance in distances],
        "FAD∞ ↓": [_number(distance.infinity) for distance in distances],
    }
    kernel = {
        "KAD ↓": [_number(distance.kernel) for distance in distances],
        "KAD, 95 %": [_interval(distance.kernel_low, distance.kernel_high) for distance in distances],
    }
    is_small = any(distance.has_few_vectors and distance.kernel is not None for distance in distances)
    columns = {
        "Embedding": [comparison.embedding for comparison in comparisons],
        **(kernel | frechet if is_small else frechet | kernel),
        "Density ↑": [_number(distance.density) for distance in distances],
        "Coverage ↑": [_number(distance.coverage) for distance in distances],
        "Clips": [f"{distance.reference_clips or '?'}, {distance.clips}" for distance in distances],
        "Vectors": [f"{distance.reference_frames or '?'}, {distance.frames}" for distance in distances],
    }
    _print_in_parts(console, list(columns), [list(row) for row in zip(*columns.values(), strict=True)])
    console.print("clips and vectors: first of the reference, then of the evaluated set", markup=False)
    if is_small:
        console.print("KAD comes first: a set has too few vectors for a Fréchet distance", markup=False)
    for comparison in comparisons:
        for note in [recipes.get(comparison.embedding, ""), *comparison.notes]:
            if note:
                console.print(f"- {comparison.embedding}: {note}", markup=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def print_upstream_scores(console: Console, scores: list[UpstreamScore]) -> None:
    """Print the scores of the package frechet-audio-distance."""
    rows = [[score.embedding, f"{score.score:.4g}", ", ".join(map(str, score.clips))] for score in scores]
    console.print(table("", ["Embedding", "FAD ↓ (frechet-audio-distance)", "Clips"], rows))


def print_left_out(console: Console, comparisons: list[Comparison], unavailable: dict[str, str]) -> None:
    """Print which embeddings are not available and which files have no vectors, with the reasons."""
    for name, reason in unavailable.items():
        console.print(f"{name} not measured: {reason}", style="red", markup=False, soft_wrap=True)
    for comparison in comparisons:
        for id, reason in comparison.failed.items():
            console.print(
                f"{comparison.embedding}: {id!r} left out: {reason}", style="red", markup=False, soft_wrap=True
            )


def comparisons_json(
    comparisons: list[Comparison], unavailable: dict[str, str], recipes: Mapping[str, str]
) -> dict[str, Any]:
    """Make the JSON output of `fad`.

    Args:
        recipes: what is embedded and how, by the name of the embedding.
    """
    return {
        "comparisons": [
            {
                "embedding": comparison.embedding,
                "recipe": recipes.get(comparison.embedding, ""),
                **{name: figure for name, figure in comparison.distance.as_dict().items() if "resampled" not in name},
                "notes": comparison.notes,
                "failed": comparison.failed,
                "by_clip": comparison.by_clip,
            }
            for comparison in comparisons
        ],
        "not_measured": unavailable,
    }
