"""What a dataset loader gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Loader = TypeVar("Loader", bound=Callable[..., "Dataset"])


@dataclass(frozen=True)
class Clip:
    """One piece of audio to measure: a file, or a section of one."""

    id: str
    path: Path
    start_seconds: float = 0.0
    duration_seconds: float | None = None
    """Length of the section; None: to the end of the file."""
    problem: str = ""
    """Why the clip cannot be used, when the loader already knows."""
    caption: str = ""
    """What the dataset says of it, for people: a description, the author and licence."""


@dataclass(frozen=True)
class Dataset:
    """The clips of a task that are on this machine, and what is known of the rest."""

    clips: tuple[Clip, ...]
    label: str
    """Name of the run folder: equal labels hold runs over the same kind of data."""
    root: str = ""
    """Where the data lies, when that is what tells one dataset from another."""
    missing: tuple[str, ...] = ()
    """Ids the dataset lists but that are not on this machine."""
    notes: tuple[str, ...] = ()


def loader(version: str) -> Callable[[Loader], Loader]:
    """Mark a function as a loader: (data, **options) -> the dataset of a task.

    Args:
        version: raise it when the same data and options begin to give other clips: runs are not continued then.
    """

    def mark(function: Loader) -> Loader:
        function.version = version  # type: ignore[attr-defined]
        return function

    return mark
