"""The data of Figure 2 as a table: quality against the number of denoising steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from m2l_bench.runs.measured import measured_runs
from m2l_bench.tables.formats import Table
from m2l_bench.tables.reconstruction import table_of


def steps_table(out: Path, dataset: str, folders: set[Path]) -> Table:
    """Make a table with one row per system and number of steps.

    Args:
        folders: run folders of systems that have denoising steps.
    """
    measured = measured_runs(out, dataset, folders)
    table = table_of(measured)
    manifests = {run.name: run.manifest for run in measured.runs}
    data = table.data[table.data["system"].isin(manifests)]
    data.insert(1, "steps", [manifests[name].key.steps for name in data["system"]])
    cards = [manifests[name].card for name in data["system"]]
    data = data.assign(system=[card.name for card in cards]).sort_values(["system", "steps"], ignore_index=True)
    return replace(
        table,
        data=data,
        titles={card.name: card.title for card in cards},
        caption=f"Quality against denoising steps on {dataset}: mean over clips [95 % bootstrap interval].",
        head=("System", "Steps", "Clips"),
        counts=("steps", "clips"),
        rule=None,
    )
