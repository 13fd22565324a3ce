"""Collections at an address such as `s3://bucket/latents`: volumes grow on this machine, and go there when finished."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.latents.checking import volume_damage
from m2l_bench.latents.collection import NAME, read_collection
from m2l_bench.latents.formats import load_format
from m2l_bench.latents.index import SUFFIX, volume_names
from m2l_bench.runs.files import whole_or_absent
from m2l_bench.storage import download, download_folder, is_address, list_files, upload
from m2l_bench.weights.locate import cache_folder


@contextmanager
def working_folder(out: str) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Open the folder in which the volumes of a collection grow.

    It is the collection's own folder, or for an address one in the cache, which stays there when the process is killed.

    Yields:
        The folder, and what is to be called after a volume is finished.

    Raises:
        UserError: the address cannot be read or written.
    """
    if not is_address(out):
        yield Path(out), lambda: None
        return
    out = out.rstrip("/")
    folder = cache_folder() / "collections" / digest(out)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with _named(folder, out):
        _fetch_indexes(out, folder)
        yield folder, lambda: _upload_finished(folder, out)


@contextmanager
def index_folder(place: str) -> Iterator[Path]:
    """Open a folder with the description and the indexes of a collection, without its volumes if it is at an address.

    Raises:
        UserError: the address cannot be read.
    """
    if not is_address(place):
        yield Path(place)
        return
    place = place.rstrip("/")
    with tempfile.TemporaryDirectory() as name, _named(Path(name), place):
        _fetch_indexes(place, Path(name))
        yield Path(name)


def find_remote_damage(address: str, indexes: Path, advance: Callable[[], None] = lambda: None) -> list[str]:
    """Do for a collection at an address what `find_damage` does, with one volume at a time on this machine.

    Args:
        indexes: what `index_folder` gives for this address.
        advance: called after each volume.

    Raises:
        UserError: there is no collection, or it cannot be read.
        ModuleNotFoundError: the package of the format is not installed.
    """
    problems, address = [], address.rstrip("/")
    collection = read_collection(indexes)
    names = volume_names(indexes)
    suffix = load_format(collection.format).suffix
    copy = download if suffix else download_folder
    for name in names:
        volume = indexes / (name + suffix)
        try:
            copy(f"{address}/{name}{suffix}", volume)
            found = volume_damage(indexes / name, collection)
        except UserError as error:
            found = [str(error)]
        problems += [problem.replace(str(indexes), address) for problem in found]
        _remove(volume)
        advance()
    return problems + [f"{address}/{path}: has no index" for path in _volumes(address) if path not in names]


@contextmanager
def _named(folder: Path, address: str) -> Iterator[None]:
    """Let errors name the address in place of the folder that stands for it."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(str(folder), address)) from error


def _volumes(address: str) -> list[str]:
    """List the volumes that are at an address, whether they have an index or not, as paths without suffix."""
    places = {PurePosixPath(*path.parts[:2]) for path in list_files(address) if len(path.parts) > 1}
    return sorted(str(place.with_suffix("")) for place in places if place.suffix != SUFFIX)


def _fetch_indexes(address: str, folder: Path) -> None:
    """Copy the description and all indexes from an address, and forget volumes that are neither there nor here."""
    paths = [path for path in list_files(address) if path.suffix == SUFFIX or str(path) == NAME]
    for path in paths:
        (folder / path.parent).mkdir(exist_ok=True)
        with whole_or_absent(folder / path) as temporary:
            download(f"{address}/{path}", temporary)
    if (folder / NAME).exists():
        suffix = load_format(read_collection(folder).format).suffix
        for name in volume_names(folder):
            if PurePosixPath(f"{name}{SUFFIX}") not in paths and not (folder / (name + suffix)).exists():
                (folder / f"{name}{SUFFIX}").unlink()


def _upload_finished(folder: Path, address: str) -> None:
    """Send the finished volumes that are still here, each before its index, and remove them from this machine."""
    suffix = load_format(read_collection(folder).format).suffix
    upload(folder / NAME, f"{address}/{NAME}")
    for name in volume_names(folder):
        volume = folder / (name + suffix)
        if volume.exists():
            upload(volume, f"{address}/{name}{suffix}")
            upload(folder / f"{name}{SUFFIX}", f"{address}/{name}{SUFFIX}")
            _remove(volume)


def _remove(volume: Path) -> None:
    if volume.is_dir():
        shutil.rmtree(volume)
    else:
        volume.unlink(missing_ok=True)
