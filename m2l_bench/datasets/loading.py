"""From a task card to its dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from m2l_bench.cards import ProbeTaskCard, TaskCard, import_named
from m2l_bench.datasets import LOADERS


def load_dataset(card: TaskCard | ProbeTaskCard, data: Path | None) -> Any:
    """Load the clips of a task: a `Dataset`, or a `LabelledDataset` for a probing task.

    Args:
        data: where the audio is; None: where the loader looks by itself.

    Raises:
        UserError: the loader cannot be imported, or the data is not there or not what it should be.
    """
    return import_named(card.dataset, LOADERS, card.path)(data, **card.options)


def loader_version(card: TaskCard | ProbeTaskCard) -> str:
    """Version of the card's loader; "1" for one that states none."""
    return str(getattr(import_named(card.dataset, LOADERS, card.path), "version", "1"))
