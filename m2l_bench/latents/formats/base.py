"""What every format of volumes can do, and the content of an entry: latents, and a description for readers."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m2l_bench.errors import BadClip
from m2l_bench.latents.index import Entry

Array = NDArray[Any]
"""Latents or codes, (width, frames)."""
Description = dict[str, Any]
"""What is stored beside the latents; see `describe`."""


class Stored(NamedTuple):
    """Where an entry is in its volume."""

    offset: int
    bytes: int
    sha256: str


class Format(ABC):
    """A way to hold entries in a volume. Entries are numbered from 0, and a new one is put behind the others."""

    suffix: str = ""
    """Suffix of a volume's name; empty where volumes are folders."""
    extra: str = ""
    """Extra of m2l-bench with the package that reads and writes it; empty: it needs none."""

    @abstractmethod
    def append(self, volume: Path, number: int, latents: Array, description: Description) -> Stored:
        """Write an entry behind the others; the first one makes the volume.

        Raises:
            OSError: it cannot be written.
        """

    @abstractmethod
    def cut(self, volume: Path, entries: Sequence[Entry]) -> None:
        """Remove everything from a volume but its first entries, which are these; it may not exist.

        Raises:
            OSError: it cannot be written.
        """

    @abstractmethod
    def close(self, volume: Path) -> None:
        """Complete a volume to which nothing is added any more, and have the disk hold all of it.

        Raises:
            OSError: it cannot be written.
        """

    @abstractmethod
    def checksum(self, volume: Path, number: int, entry: Entry) -> str:
        """Compute the SHA-256 of the bytes of an entry.

        Raises:
            OSError: it cannot be read.
        """

    @abstractmethod
    def latents(self, volume: Path, number: int, entry: Entry) -> Any:
        """Open the latents of an entry: an object with a `shape`, whose slices `[:, start:stop]` are arrays.

        Raises:
            OSError, ValueError: it cannot be read; other exceptions of the format's library are possible.
        """

    @abstractmethod
    def description(self, volume: Path, number: int, entry: Entry) -> Description:
        """Read the description of an entry.

        Raises:
            OSError, ValueError: it cannot be read; other exceptions of the format's library are possible.
        """

    @abstractmethod
    def strays(self, volume: Path, entries: Sequence[Entry]) -> list[str]:
        """List, in words, what a finished volume holds beside these entries, which are all of its index."""


def name_of(number: int) -> str:
    """Name of an entry in its volume: no part of a path, and without the dots at which WebDataset splits names."""
    return f"{number:06d}"


def describe(entry_id: str, stream: int, frames: int, samples: int, sample_rate: int) -> Description:
    """Make the description of an entry.

    `seconds_start`, `seconds_total` and `padding_mask` (1 for each frame that is not padding, which is every frame) are
    what stable-audio-tools reads beside latents.
    """
    return {
        "id": entry_id,
        "stream": stream,
        "samples": samples,
        "sample_rate": sample_rate,
        "seconds_start": 0,
        "seconds_total": samples / sample_rate,
        "padding_mask": [1] * frames,
    }


def json_bytes(description: Description) -> bytes:
    """Write a description as JSON without spaces."""
    return json.dumps(description, separators=(",", ":")).encode()


def sha256_of(parts: Iterable[bytes]) -> str:
    """SHA-256 of parts joined, in hexadecimal."""
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return checksum.hexdigest()


def check_entry(format: Format, volume: Path, number: int, entry: Entry, width: int) -> Array:
    """Check an entry against its row of the index, and return its latents.

    Raises:
        BadClip: it is damaged; the message says how.
        Exception: the format's library cannot read it.
    """
    if format.checksum(volume, number, entry) != entry.sha256:
        raise BadClip("its bytes are not those that were written (SHA-256)")
    opened = format.latents(volume, number, entry)
    if tuple(opened.shape) != (width, entry.frames):
        raise BadClip(f"its shape is {tuple(opened.shape)}; the index says {(width, entry.frames)}")
    latents: Array = np.asarray(opened[:, :])
    if not np.isfinite(latents).all():
        raise BadClip("NaN or infinite numbers")
    expected = describe(entry.id, entry.stream, entry.frames, entry.samples, entry.sample_rate)
    if format.description(volume, number, entry) != expected:
        raise BadClip("its description is not that of the index")
    return latents
