"""Data of Figure 2: quality against the number of denoising steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from m2l_bench.errors import UserError
from m2l_bench.progress import Progress
from m2l_bench.reconstruction.pipeline import Outcome, reconstruct
from m2l_bench.reconstruction.plan import Plan, Settings
from m2l_bench.tables.formats import Table
from m2l_bench.tables.steps import steps_table


def sweep(plan: Plan, settings: Settings, steps: Sequence[int], progress: Progress) -> tuple[list[Outcome], Table]:
    """Run the plan's systems with each number of steps.

    Returns:
        the outcomes, and a table with one row per system and number of steps (column `steps`).

    Raises:
        UserError: a system has no denoising steps, or as in `reconstruct`.
    """
    fixed = [card.name for card in plan.available if card.steps is None]
    if fixed:
        raise UserError(f"{', '.join(fixed)}: has no denoising steps to sweep over")
    outcomes = [outcome for n in steps for outcome in reconstruct(plan, replace(settings, steps=n), progress)]
    folders = {outcome.folder for outcome in outcomes if not outcome.problem}
    if not folders:
        raise UserError("; ".join(f"{outcome.system}: {outcome.problem}" for outcome in outcomes))
    return outcomes, steps_table(settings.out, plan.dataset.label, folders)
