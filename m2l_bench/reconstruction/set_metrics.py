"""Metrics of a whole system in a run: vectors of each clip while it is at hand, distances once all clips are there.

RUNS/<dataset>/<system>/embeddings/<embedding>/<clip>.npy      of the reconstructions
RUNS/<dataset>/_originals/<embedding>-<identity>/<clip>.npy    of the originals, shared by all systems
RUNS/<dataset>/<system>/distances.json                         per reference and metric, with what it was taken from
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.audio import Audio
from m2l_bench.digests import digest
from m2l_bench.distances.measure import measure
from m2l_bench.distances.references import ORIGINALS, References
from m2l_bench.engine import map_unordered
from m2l_bench.errors import Undefined, UserError, one_line
from m2l_bench.metrics import SetMetric
from m2l_bench.progress import Progress
from m2l_bench.runs.reconstruction import Row, file_name, full_disk_is_clear, read_manifest, read_rows, write_atomically
from m2l_bench.runs.vectors import StoredClips, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner


@dataclass(frozen=True)
class Embedder:
    """A metric of sets, with the network that makes its vectors."""

    metric: SetMetric
    runner: EmbeddingRunner

    def paths(self, run: Path, row: Row) -> tuple[Path, Path]:
        """Where the vectors of a clip's original and of its reconstruction lie."""
        original = f"{file_name(row['id'])}-{row['source_sha256'][:12]}.npy"
        return (
            self.runner.store(run.parent / "_originals", self.metric.embedding) / original,
            run / "embeddings" / self.metric.embedding / f"{file_name(row['id'])}.npy",
        )

    def is_done(self, run: Path, row: Row) -> bool:
        """Whether the clip's vectors are there, or the reason why it has none."""
        if row.get(f"{self.metric.column}_note"):
            return True
        return row.get(self.metric.column) is not None and all(path.is_file() for path in self.paths(run, row))

    def embed(self, run: Path, row: Row, original: Audio, reconstruction: Audio, sample_rate: int) -> Row:
        """Write the clip's vectors; returns the columns that say so.

        Raises:
            BadClip: the network gives no numbers for this audio.
        """
        original_path, path = self.paths(run, row)
        try:
            if not original_path.is_file():
                write_vectors(original_path, self.runner.embed(original, sample_rate))
            frames = self.runner.embed(reconstruction, sample_rate)
        except Undefined as error:
            return {self.metric.column: None, f"{self.metric.column}_note": str(error)}
        write_vectors(path, frames)
        return {self.metric.column: len(frames)}


def measure_distances(
    runs: Sequence[Path], embedders: Sequence[Embedder], references: References, jobs: int, progress: Progress
) -> None:
    """Bring `distances.json` of each run up to date with its rows."""
    tasks = list(_outdated(runs, embedders, references))
    if not tasks:
        return
    with progress.start("distances", len(tasks), 0) as advance:
        for run, metric, vectors, measured in map_unordered(_measured, tasks, min(jobs, len(tasks))):
            _store(run, references.label, metric, {"digest": vectors, **measured})
            advance()


def read_distances(run: Path, reference: str = ORIGINALS) -> dict[str, dict[str, Any]]:
    """Stored distances of a run to a reference by metric, those that still belong to its rows."""
    rows = read_rows(run)
    versions = read_manifest(run)["metric_versions"]
    found = _read(run).get(reference, {})
    return {
        metric: distance
        for metric, distance in found.items()
        if distance["digest"] == _vectors_digest(metric, versions.get(metric, ""), distance["reference_digest"], rows)
    }


def _outdated(runs: Sequence[Path], embedders: Sequence[Embedder], references: References) -> Iterator[tuple[Any, ...]]:
    for run in runs:
        rows = read_rows(run)
        stored = _read(run).get(references.label, {})
        for embedder in embedders:
            metric = embedder.metric.name
            vectors = _vectors_digest(metric, embedder.runner.identity, references.digest, rows)
            if stored.get(metric, {}).get("digest") == vectors and "resampled" in stored[metric]:
                continue
            paths = [embedder.paths(run, row) for row in rows if _has_vectors(row, metric)]
            reference = references.of(embedder.metric.embedding)
            originals = StoredClips([original for original, _ in paths])
            evaluated = StoredClips([reconstruction for _, reconstruction in paths])
            yield run, metric, vectors, references.digest, reference or originals, evaluated, reference is None


def _measured(
    run: Path, metric: str, vectors: str, reference_digest: str, reference: Any, evaluated: StoredClips, paired: bool
) -> tuple[Path, str, str, dict[str, Any]]:
    """Runs in a worker. A set too small for a distance is a reason, not an error."""
    try:
        result = measure(reference, evaluated, paired=paired).as_dict()
    except (ValueError, UserError) as error:
        result = {"value": None, "clips": len(evaluated), "resampled": [], "notes": [one_line(error)]}
    return run, metric, vectors, {"reference_digest": reference_digest, **result}


def _has_vectors(row: Row, metric: str) -> bool:
    return row["status"] == "measured" and row.get(f"{metric}_frames") is not None


def _vectors_digest(metric: str, identity: str, reference: str, rows: Sequence[Row]) -> str:
    clips = [
        [row["id"], row["source_sha256"], row.get("recording_sha256")] for row in rows if _has_vectors(row, metric)
    ]
    return digest([identity, reference, clips])


def _read(run: Path) -> dict[str, Any]:
    path = run / "distances.json"
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); delete it to have the distances measured again") from error
    return content


def _store(run: Path, reference: str, metric: str, distance: dict[str, Any]) -> None:
    content = _read(run)
    content.setdefault(reference, {})[metric] = distance
    with full_disk_is_clear(run):
        write_atomically(run / "distances.json", json.dumps(content, indent=2).encode())
