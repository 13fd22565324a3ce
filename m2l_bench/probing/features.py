"""Features that a probe learns from: one vector per clip, the time average of an embedding's vectors (Section 5.5).

CACHE/features/<model>-<identity>/clips/<ab>/<content>.npy       vector of a clip, by the content of its file
CACHE/features/<model>-<identity>/matrices/<clips' contents>.npy matrix of a dataset, one row per clip, memory-mapped

An interrupted command goes on where it stopped. A clip that cannot be used is named and left out. A clip that is
shorter than the embedding's window is padded with silence; otherwise short notes would be missing for some models only.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio, fit_length
from m2l_bench.boundary import reason_of
from m2l_bench.datasets.base import Clip
from m2l_bench.digests import digest
from m2l_bench.errors import BadClip, UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.files import explain_write_errors, whole_or_absent
from m2l_bench.runs.vectors import read_vectors, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner, Mono

Matrix = NDArray[np.float32]


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
) -> Features:
    """Compute the features of all clips that are not in the cache, and return the features of all clips.

    Args:
        name: name of the model, for messages.
        hashes: results of `content_hashes`.
        cache: folder of the cache.

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
    """Embed clips; yields each with its vector (dim,), or the reason why it has none.

    Neighbouring clips of equal length are embedded in one batch.
    """
    batch: list[tuple[Clip, Mono]] = []
    for clip in clips:
        try:
            if clip.problem:
                raise BadClip(clip.problem)
            samples, rate = audio_files.read(clip.path, clip.start_seconds, clip.duration_seconds)
            mono = runner.prepare(_padded(samples, rate, runner.embedding.minimum_seconds), rate)
        except Exception as error:
            yield clip, reason_of(error)
            continue
        if batch and (len(batch) == runner.batch_size or len(batch[0][1]) != len(mono)):
            yield from _averages(runner, batch)
            batch = []
        batch.append((clip, mono))
    yield from _averages(runner, batch)


def _padded(samples: Audio, rate: int, seconds: float) -> Audio:
    """Pad audio with silence to at least this many seconds."""
    return samples if samples.shape[1] >= seconds * rate else fit_length(samples, math.ceil(seconds * rate))


def _averages(runner: EmbeddingRunner, batch: Sequence[tuple[Clip, Mono]]) -> Iterator[tuple[Clip, Matrix | str]]:
    """Embed a batch of clips of equal length, and average each clip's vectors over time.

    Any exception of an adapter is its clip's failure; if a batch fails, each clip is tried again alone.
    """
    if not batch:
        return
    try:
        frames = runner.embed_equal([mono for _, mono in batch])
    except UserError:
        raise
    except Exception as error:
        if len(batch) == 1:
            yield batch[0][0], reason_of(error)
            return
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


def _section(clip: Clip) -> str:
    return f"-{clip.start_seconds:g}-{'' if clip.duration_seconds is None else f'{clip.duration_seconds:g}'}"
