"""What a dataset loader gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
