"""Where datasets lie on this machine, and how a folder says that it is not complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from m2l_bench.errors import UserError
from m2l_bench.weights.locate import cache_folder

MARKER = ".unfinished"
"""In a folder that is being filled: the command that goes on with it. Loaders refuse such a folder."""


def default_folder(name: str) -> Path:
    """Where `m2l-bench data get NAME` and `data make NAME` put a dataset, and where its loader looks."""
    return cache_folder() / "datasets" / name


def command_for(name: str, folder: Path | None = None) -> str:
    """The command that brings a dataset, or makes it if it is one of the rendered ones."""
    verb = "make" if name.startswith("mini-") else "get"
    at = f" {folder}" if folder is not None and folder != default_folder(name) else ""
    return f"m2l-bench data {verb} {name}{at}"


def existing_folder(name: str, data: Path | None) -> Path:
    """`data`, or the default folder of the dataset.

    Raises:
        UserError: it is not there, or is not finished.
    """
    folder = data or default_folder(name)
    if not folder.is_dir():
        own = "" if data else ", or name your copy: --data DIR"
        raise UserError(f"{folder}: no {name} there; `{command_for(name, data)}` brings it{own}")
    marker = folder / MARKER
    if marker.exists():
        raise UserError(f"{folder}: not finished; `{marker.read_text(encoding='utf-8').strip()}` goes on with it")
    return folder


@contextmanager
def filling(folder: Path, command: str) -> Iterator[None]:
    """Marks `folder` as unfinished until the block ends without an error. One process at a time may fill it.

    Raises:
        UserError: the folder cannot be written, or another process is filling it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text(command + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
            (folder / MARKER).unlink(missing_ok=True)
    except Timeout as error:
        raise UserError(f"{folder}: another m2l-bench is filling this folder; wait for it to end") from error
