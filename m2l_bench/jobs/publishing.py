"""Uploads of Music2Latent weights to the Hugging Face hub, with figures of runs on disk (`m2l-bench export --push`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.tables.formats import shown_columns
from m2l_bench.tables.reconstruction import table_of


def push(
    weights: str,
    repository: str,
    *,
    private: bool = False,
    license: str | None = None,
    results: Path | None = None,
    half: bool = False,
) -> str:
    """Upload weights with a model card, and return the address of the commit.

    Args:
        weights: a name, a folder of weights or of a training, or an official `.pt`.
        repository: `owner/name`.
        results: folder of runs, whose tables become part of the card.
        half: store weights as float16.

    Raises:
        UserError: there are no such weights or runs, or the hub refuses it.
    """
    import torch

    from m2l_bench.music2latent import CheckpointError, checkpoint
    from m2l_bench.music2latent.names import locate
    from m2l_bench.music2latent.publishing import push_to_hub

    try:
        loaded = checkpoint.load(*locate(weights))
        figures = figures_of(results, loaded.sha256, repository.split("/")[-1]) if results else None
        return push_to_hub(
            loaded,
            repository,
            private=private or None,
            license=license,
            results=figures,
            dtype=torch.float16 if half else None,
        )
    except CheckpointError as error:
        raise UserError(str(error)) from error


def figures_of(runs: Path, sha256: str, name: str) -> pd.DataFrame:
    """Make the table of a model card: one row per dataset and system, with the figures that tables of runs show.

    Args:
        runs: folder of runs.
        sha256: of the weights that the card is about.
        name: what their rows are called.

    Raises:
        UserError: there are no runs, or none of these weights.
    """
    frames = []
    datasets: list[str | None] = [*sorted({folder.parent.name for folder in find_runs(runs)})]
    for dataset in datasets or [None]:  # which raises that there are no runs
        measured = measured_runs(runs, dataset)
        table = table_of(measured)
        own = [run.name for run in measured.runs if run.manifest.key.weights_sha256 == sha256]
        metrics = [column.name for column, _ in shown_columns(table)]
        wanted = ["system", "clips", *(f"{name}{end}" for name in metrics for end in ("", "_low", "_high"))]
        frame = table.data[[column for column in wanted if column in table.data]]
        if own:  # with other settings than its card's the name is longer: mine@steps4
            frame = frame.replace({"system": {min(own, key=len): name}})
            frames.append(frame.assign(dataset=measured.dataset))
    if not frames:
        raise UserError(f"{runs}: no run of these weights (SHA-256 {sha256[:12]}...): measure them first")
    return pd.concat(frames, ignore_index=True)
