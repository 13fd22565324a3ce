"""The part of a run that needs a device: clips are read, reconstructed and embedded. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.boundary import reason_of
from m2l_bench.cards import EmbeddingCard, SystemCard
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.datasets.base import Clip
from m2l_bench.engine import drain
from m2l_bench.engine.base import KILLED
from m2l_bench.engine.prefetch import READERS, prefetched
from m2l_bench.errors import BadClip, MissingRecording, TooLong, UserError
from m2l_bench.metrics import SetMetric
from m2l_bench.metrics.codes import Counts
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.reconstruction.set_metrics import Embedder, Vectors
from m2l_bench.runs.schema import Row
from m2l_bench.systems.clip_work import ClipWork, Reconstruction
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.systems.loading import load_system

LONGEST_SECONDS = 1800.0
"""Longest clip that is measured in one piece, which takes some 5 GB."""


@dataclass(frozen=True)
class Item:
    """A clip to reconstruct, and the files that its reconstruction is made from."""

    clip: Clip
    sources: tuple[Path, ...]


@dataclass
class Result:
    """A clip that was reconstructed or failed; the row has the reason."""

    row: Row
    original: Audio = field(default_factory=lambda: np.zeros((1, 0), np.float32))
    """(channels, samples), within full scale."""
    sample_rate: int = 0
    """Hz."""
    reconstruction: Audio = field(default_factory=lambda: np.zeros((1, 0), np.float32))
    """(channels, samples) at the original's rate."""
    vectors: dict[str, Vectors] = field(default_factory=dict)
    """Vectors by set metric."""
    code_counts: Counts | None = None
    """How often its codes use each entry of each codebook; None where the system has no codebooks."""

    def fail(self, reason: str, status: str = "failed") -> Result:
        """Note the reason why there is no reconstruction."""
        self.row.status, self.row.reason = status, reason  # type: ignore[assignment]
        return self


@dataclass(frozen=True)
class Work:
    """A loaded system, with what the clips need besides.

    Args:
        system: the codec or reconstructor.
        embedders: the set metrics, each with its network.
        run: folder of the run; only the vectors of originals are looked up there.
        accept_truncated: measure what is there of an original that holds less than its header states.
    """

    system: CodecRunner | Reconstructor
    embedders: Sequence[Embedder]
    run: Path
    accept_truncated: bool

    def __call__(self, items: Iterable[Item]) -> Iterator[Result]:
        """Do items, and give results as they finish; the next clips are read meanwhile.

        Raises:
            UserError: the system cannot go on at all.
        """
        if isinstance(self.system, CodecRunner):
            yield from self._through_codec(self.system, items)
            return
        for result, _ in self._read(items):
            if result.row.measured:
                self._reconstruct(self.system, result)
            yield result

    def _through_codec(self, runner: CodecRunner, items: Iterable[Item]) -> Iterator[Result]:
        results: dict[str, Result] = {}
        failed: list[Result] = []

        def clips() -> Iterator[ClipWork]:
            for result, work in self._read(items):
                if work is None:
                    failed.append(result)
                else:
                    results[work.clip_id] = result
                    yield work

        for work in runner.reconstruct_all(clips()):
            result = results.pop(work.clip_id)
            if work.problem:
                result.fail(work.problem)
            else:
                self._finish(result, work.reconstruction)
            yield from drain(failed)
            yield result
        yield from drain(failed)

    def _read(self, items: Iterable[Item]) -> Iterator[tuple[Result, ClipWork | None]]:
        """Read clips ahead, in threads; without the work of a codec where a clip cannot be read."""
        runner = self.system if isinstance(self.system, CodecRunner) else None
        packs = runner is not None and runner.packs
        ahead, threads = (runner.largest_batch, READERS) if runner and packs else (1, 1)
        for future in prefetched(self._read_clip, items, ahead, threads):
            yield future.result()

    def _read_clip(self, item: Item) -> tuple[Result, ClipWork | None]:
        result = Result(Row(id=item.clip.id))
        try:
            _read_original(item.clip, result, self.accept_truncated)
            result.row.source_sha256, result.row.recording_sha256 = hashes(item.sources)
            result.row.source_stat = stats(item.sources)
            if isinstance(self.system, CodecRunner):
                return result, self.system.prepare(item.clip.id, result.original, result.sample_rate)
        except UserError:
            raise
        except Exception as error:
            advice = ": --section-seconds 60 cuts it into sections" if isinstance(error, TooLong) else ""
            result.fail(reason_of(error) + advice)
        return result, None

    def _reconstruct(self, system: Reconstructor, result: Result) -> None:
        self._finish(
            result,
            lambda: Reconstruction(system.reconstruct(result.row.id, result.original, result.sample_rate), {}),
        )

    def _finish(self, result: Result, reconstruct: Callable[[], Reconstruction]) -> None:
        """Complete a result: reconstruction, cost, vectors."""
        try:
            reconstruction = reconstruct()
            result.reconstruction, result.code_counts = reconstruction.audio, reconstruction.code_counts
            for embedder in self.embedders:
                result.vectors[embedder.metric.name] = embedder.embed(
                    self.run, result.row, result.original, result.reconstruction, result.sample_rate
                )
        except UserError:
            raise
        except Exception as error:
            result.fail(reason_of(error), "missing" if isinstance(error, MissingRecording) else "failed")
        else:
            result.row = result.row.model_copy(update=dict(reconstruction.cost))


@dataclass(frozen=True)
class Workplace:
    """Paths and settings from which a process loads its system on a device of its own."""

    card: SystemCard
    steps: int | None
    seed: int
    weights_dir: Path | None
    set_metrics: tuple[tuple[SetMetric, EmbeddingCard], ...]
    run: Path
    accept_truncated: bool

    def load(self, device: str) -> Work:
        """Load the system and the embeddings on a torch device."""
        system = load_system(self.card, steps=self.steps, seed=self.seed, device=device, weights_dir=self.weights_dir)
        embedders = [
            Embedder(metric, load_embedding(card, device=device, weights_dir=self.weights_dir))
            for metric, card in self.set_metrics
        ]
        return Work(system, embedders, self.run, self.accept_truncated)


def lost(item: Item) -> Result:
    """Make the result of a clip that ended the process that worked on it, twice."""
    return Result(Row(id=item.clip.id)).fail(KILLED)


def stats(paths: Sequence[Path]) -> str:
    """Sizes and modification times of files, in the form that rows store."""
    found = [path.stat() for path in paths]
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in found)


def hashes(paths: Sequence[Path]) -> tuple[str, str | None]:
    """SHA-256 of the original and, if there is one, of the recording."""
    original, *recording = (_checksum(path, stats([path])) for path in paths)
    return original, recording[0] if recording else None


@lru_cache(maxsize=64)
def _checksum(path: Path, stat: str) -> str:
    """SHA-256 of a file with these properties, once for all of its sections."""
    return file_checksum(path)


def _read_original(clip: Clip, result: Result, accept_truncated: bool) -> None:
    """Read the original, clipped to full scale as in playback, and note its properties in the row.

    Raises:
        BadClip: the clip cannot be used.
    """
    if clip.problem:
        raise BadClip(clip.problem)
    row = result.row
    original, rate = audio_files.read(
        clip.path,
        clip.start_seconds,
        clip.duration_seconds,
        accept_truncated=accept_truncated,
        longest_seconds=LONGEST_SECONDS,
    )
    if accept_truncated and clip.duration_seconds is None:
        stated = audio_files.stated_samples(clip.path)
        row.missing_samples = max(0, stated - original.shape[1]) or None if stated else None
    row.sample_rate, row.channels = rate, original.shape[0]
    row.clipped_samples = int(np.count_nonzero(np.abs(original) > 1.0))
    result.original, result.sample_rate = np.clip(original, -1.0, 1.0), rate
