"""What systems are held against: the originals of the same clips, another folder of audio, or a file of statistics.

A file of statistics is a NumPy archive with `<embedding>.mu` and `<embedding>.cov`, as fadtk writes them (its wheel
holds those of popular tracks of the Free Music Archive, `fma_pop.npz`), or with `mu` and `sigma` alone, as FID's tools
do.
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

FADTK_NAMES = {"clap": "clap-laion-audio", "clap-music": "clap-laion-music", "encodec": "encodec-emb"}
"""Names of the same embeddings in fadtk's files."""


@dataclass(frozen=True)
class References:
    """What a command's systems are held against, by embedding; empty for the originals of the same clips."""

    label: str = ORIGINALS
    digest: str = ORIGINALS
    by_embedding: Mapping[str, Reference] = field(default_factory=dict)

    def of(self, embedding: str) -> Reference | None:
        """None: the originals."""
        return self.by_embedding.get(embedding)


def load_references(
    path: Path | None, embeddings: Mapping[str, EmbeddingRunner], cache: Path, progress: Progress
) -> References:
    """References at a path, for each of `embeddings`: a folder of audio, a file of statistics, or None, the originals.

    Raises:
        UserError: nothing usable there, an embedding is not in the file, or has other dimensions.
    """
    if path is None:
        return References()
    if not path.is_dir():
        file = StatisticsFile(path)
        known = {name: file.read(name, runner.dim) for name, runner in embeddings.items()}
        return References(path.name, file_checksum(path), known)
    folders = {name: folder_vectors(path, name, runner, cache, progress) for name, runner in embeddings.items()}
    names = [vectors.name for found in folders.values() for vectors in found.paths]  # checksums of the audio
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()
    return References(path.name, digest, {name: StoredClips(found.paths) for name, found in folders.items()})


class StatisticsFile:
    """A file of statistics.

    Raises:
        UserError: not readable as a NumPy archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = set(self._read([]))

    @property
    def contents(self) -> str:
        return ", ".join(sorted({name.rpartition(".")[0] or name for name in self.names})) or "nothing"

    def keys(self, embedding: str) -> tuple[str, str] | None:
        """Names of the mean and the covariance of an embedding, if they are there."""
        named = [(f"{name}.mu", f"{name}.cov") for name in (embedding, FADTK_NAMES.get(embedding, embedding))]
        return next((pair for pair in (*named, ("mu", "sigma"), ("mu", "cov")) if self.names.issuperset(pair)), None)

    def read(self, embedding: str, dim: int) -> GaussianStatistics:
        """The statistics of an embedding whose vectors have `dim` numbers.

        Raises:
            UserError: not in the file, of other dimensions, or not a mean and a covariance.
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
        """These arrays; for no names all names, each with nothing read."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                return {name: archive[name] for name in names} or dict.fromkeys(archive.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise UserError(f"{self.path}: not readable as a NumPy archive of statistics ({error})") from error


def write_statistics(path: Path, statistics: Mapping[str, GaussianStatistics]) -> None:
    """Write a file of statistics that `StatisticsFile` and fadtk read.

    Raises:
        UserError: it cannot be written.
    """
    arrays: dict[str, Any] = {}
    for name, one in statistics.items():
        arrays |= {f"{name}.mu": one.mean, f"{name}.cov": one.covariance, f"{name}.count": np.array(one.frames or 0)}
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror})") from error
