"""Upload of a model to the Hugging Face hub: weights as safetensors, configuration, model card and training log."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from m2l_bench.music2latent import checkpoint as checkpoints
from m2l_bench.music2latent import hub
from m2l_bench.music2latent.checkpoint import Checkpoint
from m2l_bench.music2latent.model_card import model_card
from m2l_bench.music2latent.training.curve import loss_curve
from m2l_bench.music2latent.training.log import LOG
from m2l_bench.music2latent.training.record import is_training, read_record

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame

CARD, CURVE = "README.md", "training.svg"


def push_to_hub(
    checkpoint: Checkpoint,
    repository: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    private: bool | None = None,
    commit_message: str = "Music2Latent weights",
    create_pr: bool = False,
    license: str | None = None,
    results: DataFrame | None = None,
    run: Path | None = None,
    dtype: torch.dtype | None = None,
) -> str:
    """Upload a model, and return the address of the commit or pull request.

    Args:
        repository: `owner/name`; it is created if it does not exist.
        revision: branch, created if it does not exist; default: `main`.
        token: access token of the hub; default: that of `hf auth login` or HF_TOKEN.
        private: whether a new repository is private; default: as its owner has set.
        create_pr: make a pull request instead of a commit.
        license: identifier of the hub for the weights' licence, such as `cc-by-4.0`.
        results: figures for the card: one row per system and dataset, with columns `dataset`, `system` (or the index;
            not needed if all rows are about this model), perhaps `clips`, and the metrics, perhaps with
            `<metric>_low` and `<metric>_high`. Rows whose system has the repository's name are about this model.
        run: folder of the training; default: the one that the weights are in, if any.
        dtype: store weights as this type, for example float16 for half the size; by default as they are.

    Raises:
        CheckpointError: the hub cannot be reached or refuses it, or the run is not that of such a model.
        ValueError: `results` has no row about this model.
    """
    networks = checkpoint.networks
    run = run or training_folder(checkpoint.path)
    training = read_record(run, networks.config) if run else None
    curve = loss_curve(training.log) if training else ""
    card = model_card(repository, networks, license, results, training, CURVE if curve else "")
    with TemporaryDirectory() as name:
        folder = Path(name)
        checkpoints.save(networks, folder, dtype)
        (folder / CARD).write_text(card, encoding="utf-8")
        if curve:
            (folder / CURVE).write_text(curve, encoding="utf-8")
        if run and (run / LOG).is_file():
            shutil.copyfile(run / LOG, folder / LOG)
        return hub.upload(
            folder,
            repository,
            revision=revision,
            token=token,
            private=private,
            commit_message=commit_message,
            create_pr=create_pr,
        )


def training_folder(weights: Path) -> Path | None:
    """Return the folder of the training that wrote a file of weights; None if no training did."""
    if weights.parent.name != checkpoints.RUN_MODEL:
        return None
    folder = weights.parent.parent
    return folder if is_training(folder) else None
