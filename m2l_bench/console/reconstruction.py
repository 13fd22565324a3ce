"""Output of `reconstruct`, `sweep`, `tables` and `fad`, as text and as JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from m2l_bench.adapter import group_by_reason
from m2l_bench.console.terminal import ProgressBars, column_parts, table
from m2l_bench.metrics import PAIRED
from m2l_bench.tables.formats import Table, text_rows, to_json
from m2l_bench.text import counted

if TYPE_CHECKING:  # `tables` prints and computes nothing: it does not wait for PyTorch
    from m2l_bench.distances.folders import Comparison
    from m2l_bench.distances.upstream import UpstreamScore
    from m2l_bench.probing.pipeline import ProbePlan
    from m2l_bench.reconstruction.merge import Merged
    from m2l_bench.reconstruction.pipeline import Outcome
    from m2l_bench.reconstruction.plan import Plan

READING = (
    "How to read it: ViSQOL and the Fréchet distances follow what listeners hear; SI-SDR compares waveforms, so a "
    "low-pass filter scores high and a decoder that invents detail scores low. Compare systems of similar kb/s."
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
    if value is None:
        return ""
    return "∞" if value == math.inf else f"{value:.{PAIRED[name].decimals}f}"


def print_table(console: Console, result: Table) -> None:
    """Print a table with its caption and notes; where it is too wide, in parts below each other."""
    head, rows = text_rows(result)
    for part in column_parts(head, rows, console.width):
        console.print(table("", [head[i] for i in part], [[row[i] for i in part] for row in rows], result.rule))
    console.print(result.caption, markup=False)
    for note in result.notes:
        console.print(f"- {note}", markup=False)


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


def print_comparisons(console: Console, comparisons: list[Comparison]) -> None:
    """Print the distances by each embedding, with notes."""
    rows = []
    for comparison in comparisons:
        distance = comparison.distance
        rows.append(
            [
                comparison.embedding,
                f"{distance.value:.4g}",
                "" if distance.low is None else f"{distance.low:.4g} to {distance.high:.4g}",
                "" if distance.infinity is None else f"{distance.infinity:.4g}",
                "" if distance.kernel is None else f"{distance.kernel:.4g}",
                f"{distance.reference_clips or '?'}, {distance.clips}",
                f"{distance.reference_frames or '?'}, {distance.frames}",
            ]
        )
    console.print(table("", ["Embedding", "FAD ↓", "95 %", "FAD∞ ↓", "KAD ↓", "Clips", "Vectors"], rows))
    console.print("clips and vectors: in the reference, in the evaluated set", markup=False)
    for comparison in comparisons:
        for note in comparison.notes:
            console.print(f"- {comparison.embedding}: {note}", markup=False)


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


def comparisons_json(comparisons: list[Comparison], unavailable: dict[str, str]) -> dict[str, Any]:
    """Make the JSON output of `fad`."""
    return {
        "comparisons": [
            {
                "embedding": comparison.embedding,
                **{name: figure for name, figure in comparison.distance.as_dict().items() if name != "resampled"},
                "notes": comparison.notes,
                "failed": comparison.failed,
                "by_clip": comparison.by_clip,
            }
            for comparison in comparisons
        ],
        "not_measured": unavailable,
    }
