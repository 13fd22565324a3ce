"""Figure 2's data: quality against the number of denoising steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.progress import Progress
from m2l_bench.reconstruction.pipeline import Outcome, reconstruct
from m2l_bench.reconstruction.plan import Plan, Settings
from m2l_bench.runs.reconstruction import read_manifest
from m2l_bench.tables.formats import Table
from m2l_bench.tables.reconstruction import reconstruction_table


def sweep(plan: Plan, settings: Settings, steps: Sequence[int], progress: Progress) -> tuple[list[Outcome], Table]:
    """Run the plan's systems with each number of steps; the table has a row a system and number, in column `steps`.

    Raises:
        UserError: a system has no denoising steps, or as `reconstruct`.
    """
    fixed = [card.name for card in plan.available if card.steps is None]
    if fixed:
        raise UserError(f"{', '.join(fixed)}: has no denoising steps to sweep over")
    outcomes = [outcome for n in steps for outcome in reconstruct(plan, replace(settings, steps=n), progress)]
    folders = {outcome.folder for outcome in outcomes if not outcome.problem}
    if not folders:
        raise UserError("; ".join(f"{outcome.system}: {outcome.problem}" for outcome in outcomes))
    return outcomes, steps_table(settings.out, plan.dataset.label, folders)


def steps_table(out: Path, dataset: str, folders: set[Path]) -> Table:
    """Of these runs, of systems with denoising steps."""
    table = reconstruction_table(out, dataset, folders)
    manifests = {folder.name.split("~")[0]: read_manifest(folder) for folder in folders}
    data = table.data[table.data["system"].isin(manifests)]
    data = data.drop(columns=[column for column in data if str(column).endswith("_paper")])
    data.insert(1, "steps", [manifests[name]["key"]["steps"] for name in data["system"]])
    cards = [manifests[name]["card"] for name in data["system"]]
    data = data.assign(system=[card["name"] for card in cards]).sort_values(["system", "steps"], ignore_index=True)
    return replace(
        table,
        data=data,
        titles={card["name"]: card["title"] for card in cards},
        notes=[note for note in table.notes if "only the paper's figures are known" not in note],
        caption=f"Quality against denoising steps on {dataset}: mean over clips [95 % bootstrap interval].",
        head=("System", "Steps", "Clips"),
        counts=("steps", "clips"),
    )
