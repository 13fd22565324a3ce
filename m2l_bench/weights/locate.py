"""Finding and fetching of weight files.

A file is looked for in the package itself, then in `--weights-dir`, then in the hub's cache (files of the hub) or in
this package's folder in the user's cache (files from other addresses). In `--weights-dir` a file has its own name. A
file of the hub may also be in a folder named like its repository, for example `clap/config.json` for `laion/clap`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from m2l_bench.cards import WeightFile
from m2l_bench.environment import user_cache
from m2l_bench.errors import UserError
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.files import whole_or_absent
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.hub import HubFile
from m2l_bench.shipped import PACKAGE
from m2l_bench.weights.download import download

LIMIT_MEGABYTES = 10_000
"""Size that a weight file may have whose card states none."""


def cache_folder() -> Path:
    """Find the cache: `M2L_BENCH_CACHE`, otherwise the folder `m2l-bench` in the user's folder for caches."""
    if folder := os.environ.get("M2L_BENCH_CACHE"):
        return Path(folder)
    return user_cache() / "m2l-bench"


def find(file: WeightFile, weights_dir: Path | None = None) -> Path | None:
    """Find a weight file on this machine; None if it is not there.

    Args:
        weights_dir: a folder to look in first; None: only the usual places.
    """
    if file.shipped:
        return PACKAGE / file.shipped
    if weights_dir is not None:
        folder = weights_dir / _repository_folder(file)
        for path in (folder / file.filename, folder / file.name, weights_dir / file.name):
            if path.is_file():
                return path
    if file.url:
        path = cache_folder() / "weights" / file.name
        return path if path.is_file() else None
    return _hub_file(file).cached()


def fetch(
    file: WeightFile,
    weights_dir: Path | None = None,
    on_bytes: Callable[[int, int | None], None] = lambda received, total: None,
) -> Path:
    """Find a weight file and download it if it is not on this machine.

    Args:
        weights_dir: the folder where the file should be; None: the usual place.
        on_bytes: called with the number of bytes so far and, where the server states it, the size of the file.

    Returns:
        The path of the file, inside `weights_dir` if that is given.

    Raises:
        UserError: the file cannot be fetched, is not the one that the card describes, or cannot be written.
    """
    path = find(file, weights_dir)
    if path is None and file.url:
        folder = weights_dir or cache_folder() / "weights"
        path = download(file.url, folder / file.name, file.sha256, on_bytes=on_bytes, limit_bytes=_limit_bytes(file))
    elif path is None:
        try:
            path = _hub_file(file).download(weights_dir / _repository_folder(file) if weights_dir else None)
        except CheckpointError as error:
            raise UserError(str(error)) from error
    checked_sha256(file, path)
    if file.shipped or weights_dir is None or path.absolute().is_relative_to(weights_dir.absolute()):
        return path
    return _copy(path, weights_dir / _repository_folder(file) / (file.filename or file.name))


def checked_sha256(file: WeightFile, path: Path) -> str:
    """Compute the SHA-256 of the file at `path` and compare it with the one on the card.

    Raises:
        UserError: they differ.
    """
    digest = file_checksum(path)
    if not digest.startswith(file.sha256):
        raise UserError(f"{path}: its SHA-256 is {digest}, the card says {file.sha256}; delete it and fetch it again")
    return digest


def _copy(source: Path, target: Path) -> Path:
    """Copy a file so that `target` is never incomplete."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_absent(target) as part:
            shutil.copyfile(source, part)
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror or error})") from error
    return target


def _repository_folder(file: WeightFile) -> str:
    return file.repository.rpartition("/")[2]


def _hub_file(file: WeightFile) -> HubFile:
    return HubFile(file.repository, file.filename, file.revision, None, limit_bytes=_limit_bytes(file))


def _limit_bytes(file: WeightFile) -> int:
    """Compute the largest size that is accepted: half as much again as on the card, which rounds, and 10 MB."""
    return int(1e6 * (file.megabytes * 1.5 + 10 if file.megabytes else LIMIT_MEGABYTES))
