"""`load_task`: a task with its clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from m2l_bench.cards import TaskCard, load_cards
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.datasets.loading import load_dataset


@dataclass(frozen=True)
class Task:
    """A task of reconstruction: what is measured on which clips."""

    card: TaskCard
    data: Path | None
    """Folder of the audio; None: the place where the loader looks by itself."""
    dataset: Dataset

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips, with `id` and `path`."""
        return self.dataset.clips

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return self.card.metrics


def load_task(name: str, *, data: str | PathLike[str] | None = None, cards: Sequence[str | PathLike[str]] = ()) -> Task:
    """Load a task and list its clips.

    Args:
        name: a name that `m2l-bench tasks` lists; `folder` is any folder of audio.
        data: folder of the audio.
        cards: folders of further cards.

    Raises:
        UserError: there is no such task, or its data is not there.

    Example:
        >>> len(load_task("bundled").clips)
        30
    """
    card = load_cards([Path(folder) for folder in cards]).task(name)
    folder = Path(data) if data is not None else None
    return Task(card, folder, load_dataset(card, folder))
