"""Files of weights: where each is on this machine, and how it gets there.

In order: the package itself, `--weights-dir`, the hub's cache for files of the hub, this package's folder in the user's
cache for other addresses. In `--weights-dir` a file lies under its own name, one of the hub also in a folder named like
its repository, as there or under its own name: `clap/config.json` for `laion/clap`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from m2l_bench.cards import WeightFile
from m2l_bench.errors import UserError
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.hub import HubFile
from m2l_bench.shipped import PACKAGE
from m2l_bench.weights.download import download


def cache_folder() -> Path:
    """`M2L_BENCH_CACHE`, else `m2l-bench` in the folder for users' caches."""
    if named := os.environ.get("M2L_BENCH_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m2l-bench"


def find(file: WeightFile, weights_dir: Path | None = None) -> Path | None:
    """Where the file is on this machine; None if it is not."""
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
    return _on_hub(file).cached()


def fetch(
    file: WeightFile,
    weights_dir: Path | None = None,
    on_bytes: Callable[[int, int | None], None] = lambda got, total: None,
) -> Path:
    """Where the file is, downloaded if need be; if `weights_dir` is named, in there.

    Raises:
        UserError: it cannot be fetched, is not the file that the card describes, or cannot be written there.
    """
    found = find(file, weights_dir)
    if found is None and file.url:
        folder = weights_dir or cache_folder() / "weights"
        found = download(file.url, folder / file.name, file.sha256, on_bytes=on_bytes)
    elif found is None:
        try:
            found = _on_hub(file).download(weights_dir / _repository_folder(file) if weights_dir else None)
        except CheckpointError as error:
            raise UserError(str(error)) from error
    checked_sha256(file, found)
    if file.shipped or weights_dir is None or found.absolute().is_relative_to(weights_dir.absolute()):
        return found
    return _copied(found, weights_dir / _repository_folder(file) / (file.filename or file.name))


def checked_sha256(file: WeightFile, path: Path) -> str:
    """SHA-256 of the file at `path`.

    Raises:
        UserError: it is not the one that the card gives.
    """
    digest = file_checksum(path)
    if not digest.startswith(file.sha256):
        raise UserError(f"{path}: its SHA-256 is {digest}, the card says {file.sha256}; delete it and fetch it again")
    return digest


def _copied(source: Path, target: Path) -> Path:
    """Whole or not there at all."""
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror or error})") from error
    return target


def _repository_folder(file: WeightFile) -> str:
    return file.repository.rpartition("/")[2]


def _on_hub(file: WeightFile) -> HubFile:
    return HubFile(file.repository, file.filename, file.revision, None)
