"""Output of `probe` before and after the work, as text and as JSON."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from m2l_bench.adapter import group_by_reason
from m2l_bench.console.terminal import ProgressBars
from m2l_bench.runs.shards import Shard
from m2l_bench.tables.formats import Table, to_json
from m2l_bench.text import counted

if TYPE_CHECKING:
    from m2l_bench.probing.pipeline import ProbeOutcome, ProbePlan
    from m2l_bench.reconstruction.plan import Plan

SHOWN = 5
"""Number of a model's failed clips that are listed as text; --json lists all."""


def print_plan(console: Console, plan: ProbePlan) -> None:
    """Print what is going to be probed, what is not available, and the command that makes it available."""
    data = plan.dataset
    splits = ", ".join(f"{count} {split}" for split, count in Counter(clip.split for clip in data.clips).items())
    lines = [f"{plan.task.title}: {counted(len(data.clips), 'clip')} ({splits}), {counted(len(data.classes), 'label')}"]
    if data.missing:
        listed = len(data.missing) + len(data.clips)
        lines.append(f"  {len(data.missing)} of {listed} listed clips are not on this machine")
    if data.unlabelled:
        lines.append(
            f"  left out: {counted(len(data.unlabelled), 'clip')} without a label (first: {data.unlabelled[0]!r})"
        )
    lines.append(f"  probes: {', '.join(model.name for model in plan.available) or 'nothing'}")
    for names, state in group_by_reason((model.name, state) for model, state in plan.unavailable):
        lines.append(f"  not available: {', '.join(names)}: {state}")
    lines += [f"  note: {note}" for note in data.notes]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


class ProbeProgress(ProgressBars):
    """Prints the plan, and a bar for the features and the training of each model."""

    def planned(self, plan: Plan | ProbePlan) -> None:
        print_plan(self.console, cast("ProbePlan", plan))


def print_outcomes(console: Console, outcomes: list[ProbeOutcome], plan: ProbePlan, out: Path) -> None:
    """Print what failed, and the folder of the results."""
    _print_problems(console, outcomes)
    folder = out / f"probe-{plan.task.name}"
    console.print(
        f"scores and results: {folder}{os.sep}<model>{os.sep}scores.npy, results.json", markup=False, soft_wrap=True
    )


def print_shard(console: Console, outcomes: list[ProbeOutcome], plan: ProbePlan, shard: str) -> None:
    """Print what failed in a shard, that it is done, and what comes next."""
    _print_problems(console, outcomes)
    part = Shard.parse(shard).part(plan.dataset.clips, lambda clip: clip.id)
    done = f"{len(part)} of {counted(len(plan.dataset.clips), 'clip')}"
    for line in (f"shard {shard} is done: {done}", "when all shards are done: the same command without --shard"):
        console.print(line, markup=False, soft_wrap=True)


def _print_problems(console: Console, outcomes: list[ProbeOutcome]) -> None:
    """Print which clips and models failed."""
    for outcome in outcomes:
        failures = list(outcome.failed.items())
        lines = [f"{outcome.model}: {id!r} left out: {reason}" for id, reason in failures[:SHOWN]]
        if len(failures) > SHOWN:
            lines.append(f"{outcome.model}: and {len(failures) - SHOWN} more")
        if outcome.problem:
            lines.append(f"{outcome.model} was not probed: {outcome.problem}")
        for line in lines:
            console.print(line, style="red", markup=False, soft_wrap=True)


def probe_json(outcomes: list[ProbeOutcome], plan: ProbePlan, table: Table | None) -> dict[str, Any]:
    """Make the JSON output of `probe`."""
    return {
        "models": [
            {
                "model": outcome.model,
                "runs": [str(folder) for folder in outcome.folders],
                "failed": outcome.failed,
                "problem": outcome.problem,
            }
            for outcome in outcomes
        ],
        "unavailable": {
            model.name: {"reason": state.reason, "command": state.command} for model, state in plan.unavailable
        },
        "missing_clips": list(plan.dataset.missing),
        "unlabelled_clips": list(plan.dataset.unlabelled),
        "table": to_json(table) if table else None,
    }
