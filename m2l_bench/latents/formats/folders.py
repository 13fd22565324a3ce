"""Formats in which a volume is a folder, and an entry one file or more: NumPy, safetensors and Zarr."""

from __future__ import annotations

import json
import os
import shutil
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.latents.formats.base import Array, Description, Format, Stored, json_bytes, name_of, sha256_of
from m2l_bench.latents.index import Entry

CHUNK_FRAMES = 1024
"""Frames of a chunk of a Zarr array, which is the least that is read of it."""


class FolderFormat(Format):
    """A format with files or folders of its own for each entry, named by the entry's number.

    Attributes:
        suffixes: the suffixes of an entry's files or folders.
    """

    suffixes: tuple[str, ...]

    @abstractmethod
    def write(self, path: Path, latents: Array, description: Description) -> None:
        """Write an entry.

        Args:
            path: path of its files or folders, without suffix.
        """

    def append(self, volume: Path, number: int, latents: Array, description: Description) -> Stored:
        volume.mkdir(exist_ok=True)
        self.write(volume / name_of(number), np.ascontiguousarray(latents), description)
        files = self._files(volume, number)
        return Stored(0, sum(file.stat().st_size for file in files), sha256_of(_content(volume, files)))

    def cut(self, volume: Path, entries: Sequence[Entry]) -> None:
        for path in _others(volume, len(entries)) if volume.exists() else []:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def close(self, volume: Path) -> None:
        for path in volume.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    def checksum(self, volume: Path, number: int, entry: Entry) -> str:
        return sha256_of(_content(volume, self._files(volume, number)))

    def strays(self, volume: Path, entries: Sequence[Entry]) -> list[str]:
        return [f"{path.name} belongs to none of its entries" for path in _others(volume, len(entries))]

    def _files(self, volume: Path, number: int) -> list[Path]:
        """List the files of an entry, those in folders sorted."""
        files: list[Path] = []
        for suffix in self.suffixes:
            path = volume / (name_of(number) + suffix)
            files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        return files


class Npy(FolderFormat):
    """`000042.npy` and `000042.json`, as stable-audio-tools reads folders of latents."""

    suffixes = (".npy", ".json")

    def write(self, path: Path, latents: Array, description: Description) -> None:
        np.save(path.with_suffix(".npy"), latents, allow_pickle=False)
        path.with_suffix(".json").write_bytes(json_bytes(description))

    def latents(self, volume: Path, number: int, entry: Entry) -> Array:
        latents: Array = np.load(volume / f"{name_of(number)}.npy", mmap_mode="r", allow_pickle=False)
        return latents

    def description(self, volume: Path, number: int, entry: Entry) -> Description:
        description: Description = json.loads((volume / f"{name_of(number)}.json").read_bytes())
        return description


class Safetensors(FolderFormat):
    """`000042.safetensors` with one tensor, `latents`, and the description as JSON in its metadata."""

    suffixes = (".safetensors",)

    def write(self, path: Path, latents: Array, description: Description) -> None:
        from safetensors.numpy import save

        metadata = {"description": json_bytes(description).decode()}
        path.with_suffix(".safetensors").write_bytes(save({"latents": latents}, metadata))

    def latents(self, volume: Path, number: int, entry: Entry) -> Any:
        return _SafetensorsSlice(self._open(volume, number))

    def description(self, volume: Path, number: int, entry: Entry) -> Description:
        description: Description = json.loads(self._open(volume, number).metadata()["description"])
        return description

    def _open(self, volume: Path, number: int) -> Any:
        from safetensors import safe_open

        return safe_open(volume / f"{name_of(number)}.safetensors", framework="np")


class _SafetensorsSlice:
    """The tensor of an open safetensors file, with a shape as an attribute."""

    def __init__(self, file: Any) -> None:
        self._latents = file.get_slice("latents")
        self.shape = tuple(self._latents.get_shape())

    def __getitem__(self, key: Any) -> Array:
        latents: Array = self._latents[key]
        return latents


class Zarr(FolderFormat):
    """`000042.zarr`, a Zarr array in chunks of 1,024 frames, with the description as its attributes."""

    suffixes = (".zarr",)
    extra = "zarr"

    def write(self, path: Path, latents: Array, description: Description) -> None:
        import zarr

        chunks = (len(latents), min(CHUNK_FRAMES, latents.shape[1]))
        array = zarr.open_array(
            str(path.with_suffix(".zarr")), mode="w", shape=latents.shape, chunks=chunks, dtype=latents.dtype
        )
        array[:, :] = latents
        array.attrs.update(description)

    def latents(self, volume: Path, number: int, entry: Entry) -> Any:
        import zarr

        return zarr.open_array(str(volume / f"{name_of(number)}.zarr"), mode="r")

    def description(self, volume: Path, number: int, entry: Entry) -> Description:
        return dict(self.latents(volume, number, entry).attrs)


def _others(volume: Path, count: int) -> Iterator[Path]:
    """Everything in a volume but the files of its first entries, sorted."""
    names = {name_of(number) for number in range(count)}
    return (path for path in sorted(volume.iterdir()) if path.name.partition(".")[0] not in names)


def _content(volume: Path, files: Sequence[Path]) -> Iterator[bytes]:
    """The name and the content of each file."""
    for file in files:
        yield file.relative_to(volume).as_posix().encode() + b"\0"
        yield file.read_bytes()
