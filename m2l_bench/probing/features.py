"""One vector a clip: the time average of an embedding's vectors, what a probe learns from (Section 5.5).

CACHE/features/<model>-<identity>/clips/<ab>/<content>.npy       of each clip, by the content of its file
CACHE/features/<model>-<identity>/matrices/<clips' contents>.npy of a dataset, a row a clip, read without loading it

An interrupted command goes on where it stopped. A clip that cannot be used is named and left out. One shorter than the
embedding's window is followed by silence up to it: short notes would be missing for some models and not for others.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio, fit_length
from m2l_bench.datasets.base import Clip
from m2l_bench.digests import digest
from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.files import explain_write_errors
from m2l_bench.runs.vectors import read_vectors, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner, Mono
from m2l_bench.text import one_line

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Feature vectors of a dataset's clips."""

    ids: tuple[str, ...]
    """Clips that have one."""
    path: Path
    """A float32 array (clips, dim) in the order of `ids`."""
    failed: dict[str, str]
    """Clips without one, and why."""

    @property
    def matrix(self) -> Matrix:
        """Mapped, not loaded: rows come from the disk when they are asked for."""
        matrix: Matrix = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return matrix


def content_hashes(clips: Sequence[Clip], progress: Progress) -> dict[str, str]:
    """What each clip's audio is known by: SHA-256 of the file, and its section. Without an entry: not readable."""
    found = {}
    with progress.start("reading", len(clips), 0) as advance:
        for clip in clips:
            section = "" if clip.start_seconds == 0.0 and clip.duration_seconds is None else _section(clip)
            with contextlib.suppress(OSError):  # why it is not readable is said when it is read
                found[clip.id] = file_checksum(clip.path) + section
            advance()
    return found


def extract(
    name: str,
    runner: EmbeddingRunner,
    clips: Sequence[Clip],
    hashes: Mapping[str, str],
    cache: Path,
    progress: Progress,
) -> Features:
    """Features of all clips, computed where they are not in the cache yet.

    Args:
        name: of the model, for people.
        hashes: as `content_hashes` gives them.

    Raises:
        UserError: no clip has a feature, or the cache cannot be written.
    """
    store = runner.store(cache / "features", name)
    paths = {id: store / "clips" / content[:2] / f"{content}.npy" for id, content in hashes.items()}
    todo = [clip for clip in clips if clip.id not in paths or not paths[clip.id].is_file()]
    failed: dict[str, str] = {}
    with progress.start(name, len(clips), len(clips) - len(todo)) as advance:
        for clip, vector in _vectors(runner, todo):
            if isinstance(vector, str):
                failed[clip.id] = vector
            else:
                write_vectors(paths[clip.id], vector[None])
            advance()
    ids = [clip.id for clip in clips if clip.id not in failed]
    if not ids:
        id, reason = next(iter(failed.items()))
        raise UserError(f"{name} has features of none of the {len(clips)} clips (first: {id!r}: {reason})")
    path = store / "matrices" / f"{digest([hashes[id] for id in ids])[:32]}.npy"
    if not path.is_file():
        _write_matrix(path, [paths[id] for id in ids])
    return Features(tuple(ids), path, failed)


def _vectors(runner: EmbeddingRunner, clips: Sequence[Clip]) -> Iterator[tuple[Clip, Matrix | str]]:
    """Each clip with its vector (dim,), or the reason why it has none. Neighbours of equal length go together."""
    waiting: list[tuple[Clip, Mono]] = []
    for clip in clips:
        try:
            if clip.problem:
                raise BadClip(clip.problem)
            samples, rate = audio_files.read(clip.path, clip.start_seconds, clip.duration_seconds)
            heard = runner.prepare(_long_enough(samples, rate, runner.embedding.minimum_seconds), rate)
        except (BadClip, Undefined) as error:
            yield clip, one_line(error)
            continue
        if waiting and (len(waiting) == runner.batch_size or len(waiting[0][1]) != len(heard)):
            yield from _averages(runner, waiting)
            waiting = []
        waiting.append((clip, heard))
    yield from _averages(runner, waiting)


def _long_enough(samples: Audio, rate: int, seconds: float) -> Audio:
    return samples if samples.shape[1] >= seconds * rate else fit_length(samples, math.ceil(seconds * rate))


def _averages(runner: EmbeddingRunner, clips: Sequence[tuple[Clip, Mono]]) -> Iterator[tuple[Clip, Matrix | str]]:
    """Any exception of an adapter is its clip's failure; in a batch each clip is tried again alone."""
    if not clips:
        return
    try:
        frames = runner.embed_equal([heard for _, heard in clips])
    except UserError:
        raise
    except Exception as error:
        if len(clips) == 1:
            expected = isinstance(error, BadClip | Undefined)
            yield clips[0][0], one_line(error) if expected else f"{type(error).__name__}: {one_line(error)}"
            return
        for pair in clips:
            yield from _averages(runner, [pair])
        return
    for (clip, _), vectors in zip(clips, frames, strict=True):
        yield clip, vectors.mean(axis=0, dtype=np.float64).astype(np.float32)


def _write_matrix(path: Path, clips: Sequence[Path]) -> None:
    """Row by row into a file that gets its name when it is whole.

    Raises:
        UserError: it cannot be written, or a cached vector is damaged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    dim = read_vectors(clips[0]).shape[1]
    with explain_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            rows = np.lib.format.open_memmap(temporary, "w+", np.float32, (len(clips), dim))
            for i, clip in enumerate(clips):
                rows[i] = read_vectors(clip)
            rows.flush()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _section(clip: Clip) -> str:
    return f"-{clip.start_seconds:g}-{'' if clip.duration_seconds is None else f'{clip.duration_seconds:g}'}"
