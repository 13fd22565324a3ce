"""What a dataset loader returns, and how a function is marked as one."""

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
    """Start of the section in the file."""
    duration_seconds: float | None = None
    """Length of the section; None: to the end of the file."""
    problem: str = ""
    """Reason why the clip cannot be used, if the loader already knows; empty: none known."""
    caption: str = ""
    """Text about the clip for people: a description, or the author and the licence."""


@dataclass(frozen=True)
class Dataset:
    """The clips of a task that are on this machine, and the ids of those that are not."""

    clips: tuple[Clip, ...]
    label: str
    """Name of the run folder: runs with equal labels are over the same kind of data."""
    root: str = ""
    """Folder of the data, where only the folder distinguishes one dataset from another."""
    missing: tuple[str, ...] = ()
    """Ids that the dataset lists but that are not on this machine."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, one line each."""


def loader(version: str) -> Callable[[Loader], Loader]:
    """Mark a function that maps (data, **options) to the dataset of a task as a loader, which cards may name.

    Args:
        version: raise it when the same data and options begin to give other clips: runs of another version are not
            continued.
    """

    def mark(function: Loader) -> Loader:
        function.version = version  # type: ignore[attr-defined]
        function.is_loader = True  # type: ignore[attr-defined]
        return function

    return mark
