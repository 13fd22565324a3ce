"""What `reconstruct` and `tables` tell a person before and after the work, and `reconstruct --json` a program."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

from m2l_bench.plan import Plan, Settings
from m2l_bench.reconstruct import Outcome
from m2l_bench.table_formats import Table, text_rows, to_json
from m2l_bench.terminal import table


def print_plan(console: Console, plan: Plan) -> None:
    """What is going to run, what cannot, and the command that changes that."""
    dataset = plan.dataset
    console.print(f"{plan.task.title}: {len(dataset.clips)} clips", markup=False, soft_wrap=True)
    if dataset.missing:
        listed = len(dataset.missing) + len(dataset.clips)
        console.print(f"  {len(dataset.missing)} of {listed} listed clips are not on this machine", markup=False)
    console.print(
        f"  runs: {', '.join(card.name for card in plan.available) or 'nothing'}",
        markup=False,
        soft_wrap=True,
    )
    for card, state in plan.unavailable:
        console.print(f"  not available: {card.name}: {state.reason}: {state.command}", markup=False, soft_wrap=True)
    for name, state in plan.not_measured.items():
        console.print(f"  not measured: {name}: {state.reason}: {state.command}", markup=False, soft_wrap=True)
    for note in plan.notes:
        console.print(f"  note: {note}", markup=False, soft_wrap=True)


def print_table(console: Console, result: Table) -> None:
    """The table with its caption and notes."""
    head, rows = text_rows(result)
    console.print(table("", head, rows))
    console.print(result.caption, markup=False)
    for note in result.notes:
        console.print(f"- {note}", markup=False)


def print_outcomes(console: Console, outcomes: list[Outcome], plan: Plan, settings: Settings) -> None:
    """What failed, and where everything lies."""
    for outcome in outcomes:
        if outcome.problem:
            console.print(
                f"{outcome.system} did not run: {outcome.problem}",
                style="bold red",
                markup=False,
                soft_wrap=True,
            )
        for id, reason in outcome.failed.items():
            console.print(f"{outcome.system}: {id!r} failed: {reason}", style="red", markup=False, soft_wrap=True)
    folder = settings.out / plan.dataset.label
    console.print(
        f"rows and audio: {folder}{os.sep}<system>{os.sep}clips.parquet, audio{os.sep}",
        markup=False,
        soft_wrap=True,
    )


def reconstruct_json(outcomes: list[Outcome], plan: Plan, result: Table | None) -> dict[str, Any]:
    """The outcome of a command for programs: systems, gaps, and the table."""
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
        "table": to_json(result) if result else None,
    }
