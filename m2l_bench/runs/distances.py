"""Metrics of whole sets in a run: distances to a reference, and the vectors that they were measured on.

RUNS/<dataset>/<system>/embeddings/<embedding>/<clip>.npy      vectors of the reconstructions
RUNS/<dataset>/_originals/<embedding>-<identity>/<clip>.npy    vectors of the originals, shared by all systems
RUNS/<dataset>/<system>/distances.json                         distances by reference and metric
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.runs.reconstruction import read_manifest, read_rows
from m2l_bench.runs.schema import DISTANCES, Row, StoredDistance, read_stored

ORIGINALS = "originals"
"""Name of the default reference: the originals of the same clips."""


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
