"""Small collections of latents, written by the writer of volumes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from m2l_bench.latents.collection import Collection, begin_collection
from m2l_bench.latents.formats import load_format
from m2l_bench.latents.index import read_index, read_volume_index
from m2l_bench.latents.volumes import VolumeWriter

Encode = Callable[..., "subprocess.CompletedProcess[str]"]
"""Type of the fixture `encode`."""


def collection(format: str = "webdataset", codebook_entries: int = 0) -> Collection:
    """The description of a collection of a codec with three rows."""
    return Collection(
        format=format,  # type: ignore[arg-type]
        codec="toy",
        codec_digest="0123456789abcdef",
        weights_sha256="",
        sample_rate=44_100,
        channels=1,
        width=3,
        frame_samples=441,
        codebook_entries=codebook_entries,
    )


def latents_of(number: int, frames: int | None = None) -> np.ndarray:
    """Latents (3, frames) of the file of a number: the first row counts on from a thousand times the number."""
    length = 5 + number if frames is None else frames
    rng = np.random.default_rng(number)
    latents = rng.normal([[0], [10], [-4]], [[0], [2], [0.5]], (3, length))
    latents[0] = 1000 * number + np.arange(length)
    return latents.astype(np.float32)


def writer(out: Path, description: Collection, shard: str = "1-of-1", volume_bytes: float = 1e9) -> VolumeWriter:
    """A writer of volumes for a job, which knows what all jobs have finished."""
    begin_collection(out, description)
    (out / shard).mkdir(exist_ok=True)
    finished = read_index(out, ["id"]).table["id"]
    return VolumeWriter(out / shard, description, volume_bytes, finished)


def write_collection(out: Path, description: Collection, files: range, **options: object) -> None:
    """Write a collection of files of one stream; those with an odd number have two."""
    volumes = writer(out, description, **options)  # type: ignore[arg-type]
    for number in files:
        latents = latents_of(number)
        if description.codebook_entries:
            latents = np.abs(latents).astype(np.int16)
        volumes.add(f"file{number}", [latents] * (1 + number % 2), 441 * latents.shape[1], 44_100)
    volumes.close()


def contents(out: Path) -> dict[tuple[str, int], tuple[int, int, bytes]]:
    """Samples, rate and latents of each entry, by id and stream."""
    index = read_index(out)
    format = load_format(index.collection.format)
    entries = {}
    for name in index.volumes:
        volume = out / (name + format.suffix)
        for number, entry in enumerate(read_volume_index(out / f"{name}.parquet", index.collection)[0]):
            latents = np.asarray(format.latents(volume, number, entry)[:, :]).tobytes()
            assert (entry.id, entry.stream) not in entries
            entries[entry.id, entry.stream] = (entry.samples, entry.sample_rate, latents)
    return entries
