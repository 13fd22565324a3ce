"""References of set metrics: the originals of the same clips, another folder of audio, or a file of statistics.

A file of statistics is a NumPy archive with `<embedding>.mu` and `<embedding>.cov`, as fadtk writes it (its wheel has
`fma_pop.npz`, for popular tracks of the Free Music Archive), or with only `mu` and `sigma`, as FID tools write it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.distances.folder_vectors import folder_vectors
from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import GaussianStatistics
from m2l_bench.metrics.frechet_resampling import Reference
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.files import write_atomically
from m2l_bench.runs.vectors import StoredClips
from m2l_bench.systems.embedding_runner import EmbeddingRunner

FADTK_NAMES = {
    "clap": "clap-laion-audio",
    "clap-fadtk": "clap-laion-audio",
    "clap-music": "clap-laion-music",
    "clap-music-fadtk": "clap-laion-music",
    "encodec": "encodec-emb",
}
"""Names in fadtk's files, by our names of the same embeddings."""


@dataclass(frozen=True)
class References:
    """The reference of a command, by embedding; empty if it is the originals of the same clips."""

    label: str = ORIGINALS
    digest: str = ORIGINALS
    by_embedding: Mapping[str, Reference] = field(default_factory=dict)

    def for_embedding(self, embedding: str) -> Reference | None:
        """Vectors or statistics of the reference; None if it is the originals of the same clips."""
        return self.by_embedding.get(embedding)


def load_references(
    path: Path | None, embeddings: Mapping[str, EmbeddingRunner], cache: Path, progress: Progress
) -> References:
    """Load the reference at a path for each of `embeddings`.

    Args:
        path: a folder of audio, or a file of statistics; None: the originals of the same clips.
        cache: folder where vectors of a folder are cached.

    Raises:
        UserError: the path cannot be used, or the file lacks an embedding or has other dimensions for it.
    """
    if path is None:
        return References()
    if not path.is_dir():
        file = StatisticsFile(path)
        by_embedding = {name: file.read(name, runner.dim) for name, runner in embeddings.items()}
        return References(path.name, file_checksum(path), by_embedding)
    sets = {name: folder_vectors(path, name, runner, cache, progress) for name, runner in embeddings.items()}
    names = [file.name for vectors in sets.values() for file in vectors.paths]  # checksums of the audio
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()
    return References(path.name, digest, {name: StoredClips(vectors.paths) for name, vectors in sets.items()})


class StatisticsFile:
    """A file of statistics.

    Raises:
        UserError: the file is not readable as a NumPy archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = set(self._read([]))

    @property
    def contents(self) -> str:
        """Names of the embeddings in the file, for messages."""
        return ", ".join(sorted({name.rpartition(".")[0] or name for name in self.names})) or "nothing"

    def keys(self, embedding: str) -> tuple[str, str] | None:
        """Names of an embedding's mean and covariance in the file; None if it does not have them."""
        pairs = [(f"{name}.mu", f"{name}.cov") for name in (embedding, FADTK_NAMES.get(embedding, embedding))]
        return next((pair for pair in (*pairs, ("mu", "sigma"), ("mu", "cov")) if self.names.issuperset(pair)), None)

    def read(self, embedding: str, dim: int) -> GaussianStatistics:
        """Read the statistics of an embedding whose vectors have `dim` numbers.

        Raises:
            UserError: the file does not have them, or they have other dimensions or are no mean and covariance.
        """
        keys = self.keys(embedding)
        if keys is None:
            raise UserError(f"{self.path}: no statistics of '{embedding}' in it; it has {self.contents}")
        count_key = f"{embedding}.count"
        content = self._read([*keys, *self.names.intersection([count_key])])
        mean, covariance = (np.asarray(content[key], np.float64) for key in keys)
        if mean.shape != (dim,) or covariance.shape != (dim, dim):
            raise UserError(
                f"{self.path}: {keys[0]} and {keys[1]} have shapes {mean.shape} and {covariance.shape}, "
                f"but {embedding} gives vectors of {dim} numbers"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise UserError(f"{self.path}: NaN or infinite numbers in {keys[0]} or {keys[1]}")
        count = int(content[count_key]) if count_key in content else None
        statistics = GaussianStatistics(mean, (covariance + covariance.T) / 2, count)
        try:
            _ = statistics.root
        except ValueError as error:
            raise UserError(f"{self.path}: {keys[1]}: {error}") from error
        return statistics

    def _read(self, names: Iterable[str]) -> dict[str, Any]:
        """Read these arrays; if no names are given, return all names in the file without reading their arrays."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                return {name: archive[name] for name in names} or dict.fromkeys(archive.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise UserError(f"{self.path}: not readable as a NumPy archive of statistics ({error})") from error


def write_statistics(path: Path, statistics: Mapping[str, GaussianStatistics]) -> None:
    """Write a file of statistics that `StatisticsFile` and fadtk read.

    Raises:
        UserError: the file cannot be written.
    """
    arrays: dict[str, Any] = {}
    for name, gaussian in statistics.items():
        arrays |= {
            f"{name}.mu": gaussian.mean,
            f"{name}.cov": gaussian.covariance,
            f"{name}.count": np.array(gaussian.frames or 0),
        }
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror})") from error
