"""WebDataset: a volume is a tar file with two members for each entry, `000042.npy` and `000042.json`."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2l_bench.latents.formats.base import (
    Array,
    Description,
    Format,
    Stored,
    json_bytes,
    name_of,
    sha256_of,
)
from m2l_bench.latents.index import Entry

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What a tar file ends with."""


class WebDataset(Format):
    """Tar files, which are read from any place: the index says where each entry begins.

    An entry is a run of whole tar members, so a volume is its entries one after the other, and `END`.
    """

    suffix = ".tar"

    def append(self, volume: Path, number: int, latents: Array, description: Description) -> Stored:
        array = io.BytesIO()
        np.lib.format.write_array(array, np.ascontiguousarray(latents), version=(1, 0), allow_pickle=False)
        name = name_of(number)
        content = _member(f"{name}.npy", array.getvalue()) + _member(f"{name}.json", json_bytes(description))
        with volume.open("ab") as file:
            offset = file.seek(0, os.SEEK_END)
            file.write(content)
        return Stored(offset, len(content), sha256_of([content]))

    def cut(self, volume: Path, entries: Sequence[Entry]) -> None:
        if volume.exists():
            os.truncate(volume, entries[-1].offset + entries[-1].bytes if entries else 0)

    def close(self, volume: Path) -> None:
        with volume.open("ab") as file:
            file.write(END)
            file.flush()
            os.fsync(file.fileno())

    def checksum(self, volume: Path, number: int, entry: Entry) -> str:
        return sha256_of([_range(volume, entry.offset, entry.bytes)])

    def latents(self, volume: Path, number: int, entry: Entry) -> Array:
        with volume.open("rb") as file:
            file.seek(entry.offset + BLOCK)
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            return np.memmap(volume, dtype, "r", file.tell(), shape)

    def description(self, volume: Path, number: int, entry: Entry) -> Description:
        members = io.BytesIO(_range(volume, entry.offset, entry.bytes))
        with tarfile.open(fileobj=members, mode="r:") as tar:
            member = tar.extractfile(f"{name_of(number)}.json")
            assert member is not None
            description: Description = json.loads(member.read())
        return description

    def strays(self, volume: Path, entries: Sequence[Entry]) -> list[str]:
        end = sum(entry.bytes for entry in entries)
        rest = _range(volume, end, volume.stat().st_size - end)
        return [] if rest == END else [f"{len(rest)} bytes behind its last entry; expected {len(END)} zeros"]


def _member(name: str, content: bytes) -> bytes:
    """Write a tar member: equal contents are equal bytes, without times and owners."""
    information = tarfile.TarInfo(name)
    information.size = len(content)
    return information.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


def _range(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(max(0, length))
