"""Files at addresses such as `s3://bucket/music`, through fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from m2l_bench.boundary import reason_of
from m2l_bench.errors import UserError

PACKAGES = {"s3": "'m2l-bench[s3]'", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""What `pip install` is to be called with, by the protocol of an address."""


class Place(NamedTuple):
    """Where an address leads."""

    filesystem: Any
    """An fsspec file system."""
    path: str
    """The path in it."""


def is_address(text: str) -> bool:
    """Whether this is an address, such as `s3://bucket/music`, and not a path on this machine."""
    return "://" in text


def open_place(address: str) -> Place:
    """Open the file system of an address.

    Raises:
        UserError: the package for its protocol is not installed, there is no such protocol, or it cannot be reached.
    """
    import fsspec.core

    protocol = address.partition("://")[0]
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        package = PACKAGES.get(protocol, f"the package of fsspec for {protocol}")
        raise UserError(f"{address}: fsspec needs another package: pip install {package}") from error
    except Exception as error:
        raise UserError(f"{address}: {reason_of(error)}") from error
    return Place(filesystem, str(path))


@contextmanager
def access(address: str, action: str = "read") -> Iterator[None]:
    """Turn every failure of a file system into one line, whatever its package raises.

    Args:
        action: what fails, as a participle.

    Raises:
        UserError: something failed.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{address}: no such file or folder") from error
    except Exception as error:
        raise UserError(f"{address}: cannot be {action} ({reason_of(error)})") from error


def list_files(address: str) -> list[PurePosixPath]:
    """List the files below a folder at an address, as paths in it, sorted; hidden ones are left out.

    Raises:
        UserError: it cannot be reached.
    """
    place = open_place(address)
    with access(address):
        place.filesystem.invalidate_cache()
        paths = [PurePosixPath(path).relative_to(place.path) for path in sorted(place.filesystem.find(place.path))]
    return [path for path in paths if not any(part.startswith(".") for part in path.parts)]


@contextmanager
def open_file(place: str) -> Iterator[BinaryIO]:
    """Open a file of this machine, or at an address, for reading from any position.

    Raises:
        OSError: a file of this machine cannot be opened.
        UserError: a file at an address cannot be opened or read.
    """
    if not is_address(place):
        with Path(place).open("rb") as file:
            yield file
        return
    with access(place):
        filesystem, path = open_place(place)
        with filesystem.open(path, "rb") as file:
            yield file


def download(address: str, target: Path, start: int | None = None, stop: int | None = None) -> None:
    """Copy a file, or its bytes from `start` to `stop`, to this machine.

    Raises:
        UserError: it cannot be read, or the target cannot be written.
    """
    filesystem, path = open_place(address)
    with access(address):
        if start is None:
            filesystem.get_file(path, str(target))
        else:
            target.write_bytes(filesystem.cat_file(path, start=start, end=stop))


def download_folder(address: str, target: Path) -> None:
    """Copy a folder and everything in it to this machine.

    Raises:
        UserError: it cannot be read, or the target cannot be written.
    """
    for path in list_files(address):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        download(f"{address}/{path}", target / path)


def upload(source: Path, address: str) -> None:
    """Copy a file of this machine to an address; of a folder, everything in it.

    Raises:
        UserError: it cannot be written.
    """
    filesystem, path = open_place(address)
    with access(address, "written"):
        if source.is_dir():
            for file in sorted(source.rglob("*")):
                if file.is_file():
                    filesystem.put_file(str(file), f"{path}/{file.relative_to(source).as_posix()}")
        else:
            filesystem.put_file(str(source), path)
