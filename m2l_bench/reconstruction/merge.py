"""`m2l-bench merge`: shards become whole runs, with the metrics of whole sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.distances.references import References
from m2l_bench.engine import default_jobs
from m2l_bench.progress import Progress
from m2l_bench.reconstruction.set_metrics import measure_distances
from m2l_bench.runs.distances import stored_vectors
from m2l_bench.runs.merging import find_sharded_runs, join


@dataclass(frozen=True)
class Merged:
    """A run that was made from shards."""

    folder: Path
    shards: int
    clips: int
    failed: int
    """Clips that have no metrics."""


def merge(out: Path, progress: Progress) -> Iterator[Merged]:
    """Make whole runs of all shards below `out`; all shards are checked before anything is written.

    Raises:
        UserError: there are no shards, or they do not fit together; or a file cannot be written.
    """
    for sharded in find_sharded_runs(out):
        folder, rows = join(out, sharded), sharded.rows.values()
        vectors = stored_vectors(sharded.parts[0].manifest)
        measure_distances([folder], vectors, References(), default_jobs(), progress)
        yield Merged(folder, len(sharded.parts), len(rows), sum(not row.measured for row in rows))
