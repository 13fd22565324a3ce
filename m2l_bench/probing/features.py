"""Features that a probe learns from: one vector per clip, the time average of an embedding's vectors (Section 5.5).

CACHE/features/<model>-<identity>/clips/<ab>/<content>.npy       vector of a clip, by the content of its file
CACHE/features/<model>-<identity>/matrices/<clips' contents>.npy matrix of a dataset, one row per clip, memory-mapped

An interrupted command goes on where it stopped. A clip that cannot be used is named and left out. A clip that is
shorter than the embedding's window is padded with silence; otherwise short notes would be missing for some models only.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio, fit_length
from m2l_bench.boundary import is_out_of_memory, reason_of
from m2l_bench.datasets.base import Clip
from m2l_bench.digests import digest
from m2l_bench.engine import drain
from m2l_bench.engine.base import KILLED
from m2l_bench.engine.prefetch import READERS, prefetched
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.errors import BadClip, UserError
from m2l_bench.metrics.frechet import Frames
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.files import explain_write_errors, whole_or_absent
from m2l_bench.runs.vectors import read_vectors, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner, Mono
from m2l_bench.systems.packing import WAITING_LENGTHS, pack
from m2l_bench.text import counted

Matrix = NDArray[np.float32]
ClipVector = tuple[Clip, Matrix | str]
"""A clip with its vector (dim,), or the reason why it has none."""


@dataclass(frozen=True)
class Features:
    """Feature vectors of a dataset's clips."""

    ids: tuple[str, ...]
    """Ids of the clips that have a vector."""
    path: Path
    """File of a float32 array (clips, dim) in the order of `ids`."""
    failed: dict[str, str]
    """Clips without a vector, with the reasons."""

    @property
    def matrix(self) -> Matrix:
        """The array, memory-mapped: rows are read from the disk when they are used."""
        matrix: Matrix = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return matrix


def content_hashes(clips: Sequence[Clip], progress: Progress) -> dict[str, str]:
    """Identify each clip's audio by SHA-256 of its file and its section; unreadable clips have no entry."""
    hashes = {}
    with progress.start("reading", len(clips), 0) as advance:
        for clip in clips:
            section = "" if clip.start_seconds == 0.0 and clip.duration_seconds is None else _section(clip)
            with contextlib.suppress(OSError):  # the reason is reported later, when the audio is read
                hashes[clip.id] = file_checksum(clip.path) + section
            advance()
    return hashes


def extract(
    name: str,
    runner: EmbeddingRunner,
    clips: Sequence[Clip],
    hashes: Mapping[str, str],
    cache: Path,
    progress: Progress,
    vectors: Callable[[Sequence[Clip]], Iterable[ClipVector]] | None = None,
) -> Features:
    """Compute the features of all clips that are not in the cache, and return the features of all clips.

    Args:
        name: name of the model, for messages.
        hashes: results of `content_hashes`.
        cache: folder of the cache.
        vectors: computes the vectors of clips; by default on the device of `runner`.

    Raises:
        UserError: no clip has a feature, or the cache cannot be written.
    """
    store = runner.store(cache / "features", name)
    paths = _paths(store, hashes)
    failed = compute(name, runner, clips, hashes, cache, progress, vectors)
    ids = [clip.id for clip in clips if clip.id not in failed]
    if not ids:
        id, reason = next(iter(failed.items()))
        raise UserError(f"{name} has features of none of the {counted(len(clips), 'clip')} (first: {id!r}: {reason})")
    path = store / "matrices" / f"{digest([hashes[id] for id in ids])[:32]}.npy"
    if not path.is_file():
        _write_matrix(path, [paths[id] for id in ids])
    return Features(tuple(ids), path, failed)


def compute(
    name: str,
    runner: EmbeddingRunner,
    clips: Sequence[Clip],
    hashes: Mapping[str, str],
    cache: Path,
    progress: Progress,
    vectors: Callable[[Sequence[Clip]], Iterable[ClipVector]] | None = None,
) -> dict[str, str]:
    """Compute the features of all clips that are not in the cache, and return the clips without any, with the reasons.

    Args:
        name, hashes, cache, vectors: as in `extract`.

    Raises:
        UserError: the cache cannot be written.
    """
    paths = _paths(runner.store(cache / "features", name), hashes)
    todo = [clip for clip in clips if clip.id not in paths or not paths[clip.id].is_file()]
    failed: dict[str, str] = {}
    with progress.start(name, len(clips), len(clips) - len(todo)) as advance:
        for clip, vector in (vectors or ClipVectors(runner))(todo):
            if isinstance(vector, str):
                failed[clip.id] = vector
            else:
                write_vectors(paths[clip.id], vector[None])
            advance()
    return failed


@dataclass(frozen=True)
class ClipVectors:
    """The vectors of clips on the device of an embedding.

    Clips of equal length are embedded in one batch: neighbours on a CPU, and on a GPU also clips that others separate.
    The next clips are read meanwhile.
    """

    runner: EmbeddingRunner

    def __call__(self, clips: Iterable[Clip]) -> Iterator[ClipVector]:
        """Embed clips; yields each with its vector (dim,), or the reason why it has none."""
        failed: list[ClipVector] = []

        def readable() -> Iterator[tuple[Clip, Mono]]:
            ahead, threads = (self.runner.batch_size, READERS) if is_gpu(self.runner.device) else (1, 1)
            for future in prefetched(self._read, clips, ahead, threads):
                clip, mono = future.result()
                if isinstance(mono, str):
                    failed.append((clip, mono))
                else:
                    yield clip, mono

        waiting_lengths = WAITING_LENGTHS if is_gpu(self.runner.device) else 1
        for batch in pack(readable(), _length, lambda _: 1, lambda: self.runner.batch_size, waiting_lengths):
            yield from _averages(self.runner, batch)
            yield from drain(failed)
        yield from failed

    def _read(self, clip: Clip) -> tuple[Clip, Mono | str]:
        try:
            if clip.problem:
                raise BadClip(clip.problem)
            samples, rate = audio_files.read(clip.path, clip.start_seconds, clip.duration_seconds)
            return clip, self.runner.prepare(padded(samples, rate, self.runner.embedding.minimum_seconds), rate)
        except Exception as error:
            return clip, reason_of(error)


def lost(clip: Clip) -> ClipVector:
    """Make the result of a clip that ended the process that worked on it, twice."""
    return clip, KILLED


def _length(clip_and_audio: tuple[Clip, Mono]) -> int:
    return len(clip_and_audio[1])


def padded(samples: Audio, rate: int, seconds: float) -> Audio:
    """Pad audio with silence to at least this many seconds."""
    return samples if samples.shape[1] >= seconds * rate else fit_length(samples, math.ceil(seconds * rate))


def _averages(runner: EmbeddingRunner, batch: Sequence[tuple[Clip, Mono]]) -> Iterator[ClipVector]:
    """Embed a batch of clips of equal length, and average each clip's vectors over time.

    Any exception of an adapter is its clip's failure; if a batch fails, each clip is tried again alone.
    """
    reason = ""
    frames: list[Frames] = []
    try:
        frames = runner.embed_equal([mono for _, mono in batch])
    except UserError:
        raise
    except Exception as error:
        reason = reason_of(error)
        if is_out_of_memory(error):
            reason = "out of memory: use --precision bfloat16, shorter clips, or --device cpu"
            # Or each of the next batches would fail as well before its clips are done one by one.
            runner.batch_size = max(1, len(batch) // 2)
    # Not in the handler: there the error keeps the memory of the failed batch.
    if reason and len(batch) == 1:
        yield batch[0][0], reason
        return
    if reason:
        for clip_and_audio in batch:
            yield from _averages(runner, [clip_and_audio])
        return
    for (clip, _), vectors in zip(batch, frames, strict=True):
        yield clip, vectors.mean(axis=0, dtype=np.float64).astype(np.float32)


def _write_matrix(path: Path, clips: Sequence[Path]) -> None:
    """Write the vectors of clips row by row into a file that gets its name when it is complete.

    Raises:
        UserError: the file cannot be written, or a cached vector is damaged.
    """
    dim = read_vectors(clips[0]).shape[1]
    with explain_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_absent(path) as temporary:
            rows = np.lib.format.open_memmap(temporary, "w+", np.float32, (len(clips), dim))
            for i, clip in enumerate(clips):
                rows[i] = read_vectors(clip)
            rows.flush()


def _paths(store: Path, hashes: Mapping[str, str]) -> dict[str, Path]:
    """Name the file of each clip's vector."""
    return {id: store / "clips" / content[:2] / f"{content}.npy" for id, content in hashes.items()}


def _section(clip: Clip) -> str:
    return f"-{clip.start_seconds:g}-{'' if clip.duration_seconds is None else f'{clip.duration_seconds:g}'}"
