"""Set metrics in a run: vectors of each clip are computed while its audio is in memory, distances at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from m2l_bench.audio import Audio
from m2l_bench.distances.measure import measure
from m2l_bench.distances.references import References
from m2l_bench.engine import map_unordered
from m2l_bench.errors import Undefined, UserError
from m2l_bench.metrics import SetMetric
from m2l_bench.metrics.frechet import Frames
from m2l_bench.progress import Progress
from m2l_bench.runs.distances import (
    ORIGINALS_FOLDER,
    StoredVectors,
    has_vectors,
    read_all_distances,
    vector_paths,
    vectors_digest,
    write_distance,
)
from m2l_bench.runs.reconstruction import read_rows
from m2l_bench.runs.schema import Row, StoredDistance
from m2l_bench.runs.vectors import StoredClips, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.text import one_line


class Vectors(NamedTuple):
    """Vectors of a clip; None where there are none, or where they are on the disk already."""

    original: Frames | None = None
    reconstruction: Frames | None = None


@dataclass(frozen=True)
class Embedder:
    """A set metric, with the network that computes its vectors."""

    metric: SetMetric
    runner: EmbeddingRunner

    @property
    def stored(self) -> StoredVectors:
        """The vectors on disk."""
        return StoredVectors(self.metric, self.runner.identity)

    def paths(self, run: Path, row: Row) -> tuple[Path, Path]:
        """Paths of the vectors of a clip's original and of its reconstruction."""
        originals = self.runner.store(run.parent / ORIGINALS_FOLDER, self.metric.embedding)
        return vector_paths(run, originals, self.metric.embedding, row)

    def is_done(self, run: Path, row: Row) -> bool:
        """Whether the clip's vectors exist, or its row has the reason why it has none."""
        if row.note(self.metric.column):
            return True
        return has_vectors(row, self.metric.name) and all(path.is_file() for path in self.paths(run, row))

    def embed(self, run: Path, row: Row, original: Audio, reconstruction: Audio, sample_rate: int) -> Vectors:
        """Compute the clip's vectors, and note their number in its row, or the reason why there are none.

        Raises:
            BadClip: the network gives no numbers for this audio.
        """
        original_path, _ = self.paths(run, row)
        try:
            original_frames = None if original_path.is_file() else self.runner.embed(original, sample_rate)
            frames = self.runner.embed(reconstruction, sample_rate)
        except Undefined as error:
            row.frames[self.metric.name], row.notes[self.metric.column] = None, str(error)
            return Vectors()
        row.frames[self.metric.name] = len(frames)
        return Vectors(original_frames, frames)

    def write(self, run: Path, row: Row, vectors: Vectors) -> None:
        """Write vectors that `embed` computed.

        Raises:
            UserError: they cannot be written.
        """
        for path, frames in zip(self.paths(run, row), vectors, strict=True):
            if frames is not None:
                write_vectors(path, frames)


def measure_distances(
    runs: Sequence[Path], sets: Sequence[StoredVectors], references: References, jobs: int, progress: Progress
) -> None:
    """Bring `distances.json` of each run up to date with its rows, on this machine, which has the vectors."""
    tasks = list(_outdated_distances(runs, sets, references))
    if not tasks:
        return
    with progress.start("distances", len(tasks), 0) as advance:
        for run, metric, distance in map_unordered(_measure_task, tasks, min(jobs, len(tasks))):
            write_distance(run, references.label, metric, distance)
            advance()


def _outdated_distances(
    runs: Sequence[Path], sets: Sequence[StoredVectors], references: References
) -> Iterator[tuple[Any, ...]]:
    for run in runs:
        rows = read_rows(run)
        stored = read_all_distances(run).get(references.label, {})
        for stored_set in sets:
            metric, embedding = stored_set.metric.name, stored_set.metric.embedding
            vectors = vectors_digest(metric, stored_set.identity, references.digest, rows)
            distance = stored.get(metric)
            # Version 0.1 did not resample kernel distances.
            if distance is not None and distance.digest == vectors and distance.kernel_resampled is not None:
                continue
            paths = [stored_set.paths(run, row) for row in rows if has_vectors(row, metric)]
            reference = references.for_embedding(embedding)
            originals = StoredClips([original for original, _ in paths])
            evaluated = StoredClips([reconstruction for _, reconstruction in paths])
            yield run, metric, vectors, references.digest, reference or originals, evaluated, reference is None


def _measure_task(
    run: Path, metric: str, vectors: str, reference_digest: str, reference: Any, evaluated: StoredClips, paired: bool
) -> tuple[Path, str, StoredDistance]:
    """Measure a distance in a worker. If a set is too small, the distance has no value and a note with the reason."""
    try:
        figures = measure(reference, evaluated, paired=paired).as_dict()
    except (ValueError, UserError) as error:
        nothing: dict[str, Any] = {"value": None, "resampled": [], "kernel_resampled": []}
        figures = {**nothing, "clips": len(evaluated), "notes": [one_line(error)]}
        if isinstance(error, UserError):  # a file that cannot be read now may be readable next time
            vectors = ""
    return run, metric, StoredDistance(digest=vectors, reference_digest=reference_digest, **figures)
