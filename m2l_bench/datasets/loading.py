"""Loading of the dataset that a task card names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from m2l_bench.cards import ProbeTaskCard, TaskCard, import_named
from m2l_bench.datasets import LOADERS
from m2l_bench.datasets.sections import cut_into_sections
from m2l_bench.errors import UserError


def load_dataset(card: TaskCard | ProbeTaskCard, data: Path | None, section_seconds: float | None = None) -> Any:
    """Load the clips of a task: a `Dataset`, or a `LabelledDataset` for a probing task.

    Args:
        data: the folder of the audio; None: the place where the loader looks by itself.
        section_seconds: length of the sections into which clips are cut; None: they stay whole.

    Raises:
        UserError: the loader cannot be imported, or the data is not there or not in the expected layout.
    """
    dataset = _loader(card)(data, **card.options)
    return cut_into_sections(dataset, section_seconds) if section_seconds else dataset


def loader_version(card: TaskCard | ProbeTaskCard) -> str:
    """Return the version of the card's loader; "1" for a loader that states none.

    Raises:
        UserError: the loader cannot be imported.
    """
    return str(getattr(_loader(card), "version", "1"))


def _loader(card: TaskCard | ProbeTaskCard) -> Any:
    """Import the function that a card names.

    Raises:
        UserError: it cannot be imported, or is not marked as a loader. The message names the card.
    """
    function = import_named(card.dataset, LOADERS, card.path)
    if card.dataset not in LOADERS and getattr(function, "is_loader", None) is not True:
        raise UserError(
            f"{card.path}: '{card.dataset}' is not a loader: expected a function with the decorator "
            "m2l_bench.datasets.base.loader"
        )
    return function
