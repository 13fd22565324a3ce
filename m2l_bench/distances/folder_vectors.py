"""Vectors of the files of a folder, cached by the content of the files.

A file is embedded only once, even if it is moved, and an interrupted command goes on where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m2l_bench.audio import Audio, AudioFile
from m2l_bench.boundary import reason_of
from m2l_bench.datasets.folder import load as load_folder
from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import Frames
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.vectors import write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.text import counted

SILENCE = 1e-5
"""Root mean square below which a file counts as silent: -100 dB of full scale."""


@dataclass
class FolderVectors:
    """Vectors of the files of a folder."""

    ids: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    """Files of vectors, in the order of `ids`."""
    failed: dict[str, str] = field(default_factory=dict)
    """Files without vectors, with the reasons."""
    silent: list[str] = field(default_factory=list)
    """Ids of silent files, which have vectors and count."""
    notes: list[str] = field(default_factory=list)
    """Notes about files that were passed over."""


def folder_vectors(folder: Path, name: str, runner: EmbeddingRunner, cache: Path, progress: Progress) -> FolderVectors:
    """Find the vectors of all files of a folder, and embed the files that are not in the cache.

    Raises:
        UserError: there is no such folder, no file in it has vectors, or the cache cannot be written.
    """
    dataset = load_folder(folder)
    clips = dataset.clips
    store = runner.store(cache / "embeddings", name)
    result = FolderVectors(notes=[f"{folder.name}: {note}" for note in dataset.notes])
    with progress.start(f"{name}: {folder.name}", len(clips), 0) as advance:
        for clip in clips:
            try:
                digest = file_checksum(clip.path)
                path = store / digest[:2] / f"{digest}.npy"
                # A silent output is a result, not a missing one: it counts, and the command names it.
                silent = path.with_suffix(".silent")
                if not path.is_file():
                    vectors, level = _embed(clip.path, runner)
                    if level < SILENCE:
                        silent.parent.mkdir(parents=True, exist_ok=True)
                        silent.touch()
                    write_vectors(path, vectors)
            except UserError:
                raise
            except Exception as error:
                result.failed[clip.id] = reason_of(error)
            else:
                result.ids.append(clip.id)
                result.paths.append(path)
                if silent.exists():
                    result.silent.append(clip.id)
            advance()
    if not result.ids:
        id, reason = next(iter(result.failed.items()))
        raise UserError(f"{folder}: {name} has vectors of none of its {counted(len(clips), 'file')} ({id}: {reason})")
    return result


def _embed(path: Path, runner: EmbeddingRunner) -> tuple[Frames, float]:
    """Compute the vectors of a file, block by block, and its root mean square."""
    squares, count = 0.0, 0

    def heard(blocks: Iterable[Audio]) -> Iterator[Audio]:
        nonlocal squares, count
        for block in blocks:
            squares += float(np.square(block, dtype=np.float64).sum())
            count += block.size
            yield block

    with AudioFile(path) as file:
        vectors = runner.embed_blocks(heard(file.whole_blocks()), file.sample_rate)
    return vectors, math.sqrt(squares / count)
