"""Metrics of whole sets in a run: distances to a reference, and the vectors that they were measured on.

RUNS/<dataset>/<system>/embeddings/<embedding>/<clip>.npy      vectors of the reconstructions
RUNS/<dataset>/_originals/<embedding>-<identity>/<clip>.npy    vectors of the originals, shared by all systems
RUNS/<dataset>/<system>/distances.json                         distances by reference and metric
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.metrics import SetMetric, set_metric
from m2l_bench.runs.files import explain_write_errors, file_name, write_atomically
from m2l_bench.runs.reconstruction import read_manifest, read_rows
from m2l_bench.runs.schema import DISTANCES, Manifest, Row, StoredDistance, read_stored

ORIGINALS = "originals"
"""Name of the default reference: the originals of the same clips."""
ORIGINALS_FOLDER = "_originals"
"""Folder of the vectors of originals, beside the runs."""


@dataclass(frozen=True)
class StoredVectors:
    """The vectors of a set metric in the folders of runs.

    Args:
        metric: the metric.
        identity: digest of the network that computed them.
    """

    metric: SetMetric
    identity: str

    def paths(self, run: Path, row: Row) -> tuple[Path, Path]:
        """Paths of the vectors of a clip's original and of its reconstruction."""
        embedding = self.metric.embedding
        originals = run.parent / ORIGINALS_FOLDER / f"{embedding}-{self.identity[:12]}"
        return vector_paths(run, originals, embedding, row)


def stored_vectors(manifest: Manifest) -> list[StoredVectors]:
    """List the vectors of each set metric of a run."""
    metrics = ((set_metric(name), identity) for name, identity in manifest.metric_versions.items())
    return [StoredVectors(metric, identity) for metric, identity in metrics if metric is not None]


def vector_paths(run: Path, originals: Path, embedding: str, row: Row) -> tuple[Path, Path]:
    """Paths of the vectors of a clip's original, in the folder `originals`, and of its reconstruction."""
    name = file_name(row.id)
    return (
        originals / f"{name}-{(row.source_sha256 or '')[:12]}.npy",
        run / "embeddings" / embedding / f"{name}.npy",
    )


def read_distances(run: Path, reference: str = ORIGINALS) -> dict[str, StoredDistance]:
    """Read the distances of a run to a reference, by metric; outdated ones, which no longer fit its rows, are left out.

    Raises:
        UserError: a file of the run is damaged.
    """
    rows = read_rows(run)
    versions = read_manifest(run).metric_versions
    return {
        metric: distance
        for metric, distance in read_all_distances(run).get(reference, {}).items()
        if distance.digest == vectors_digest(metric, versions.get(metric, ""), distance.reference_digest, rows)
    }


def read_all_distances(run: Path) -> dict[str, dict[str, StoredDistance]]:
    """Read all of a run's `distances.json`, by reference and metric.

    Raises:
        UserError: the file is damaged.
    """
    path, advice = run / "distances.json", "delete it to have the distances measured again"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); {advice}") from error
    return read_stored(path, DISTANCES.validate_python, content, advice)


def write_distance(run: Path, reference: str, metric: str, distance: StoredDistance) -> None:
    """Write a distance into a run's `distances.json`.

    Raises:
        UserError: the file cannot be written.
    """
    distances = read_all_distances(run)
    distances.setdefault(reference, {})[metric] = distance
    with explain_write_errors(run):
        write_atomically(run / "distances.json", DISTANCES.dump_json(distances, indent=2))


def has_vectors(row: Row, metric: str) -> bool:
    """Whether the clip has vectors for a metric of sets."""
    return row.measured and row.frames.get(metric) is not None


def vectors_digest(metric: str, identity: str, reference: str, rows: Sequence[Row]) -> str:
    """Digest of everything a distance depends on: the embedding, the reference, and the clips with vectors."""
    clips = [[row.id, row.source_sha256, row.recording_sha256] for row in rows if has_vectors(row, metric)]
    return digest([identity, reference, clips])
