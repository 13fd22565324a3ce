"""Folders of datasets on this machine, and the marker of a folder that is not complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from m2l_bench.errors import UserError
from m2l_bench.weights.locate import cache_folder

MARKER = ".unfinished"
"""Name of a file in a folder that is not complete. It holds the command that continues; loaders refuse the folder."""

HUB: Mapping[str, str] = {"gtzan": "m-a-p/GTZAN", "giantsteps": "m-a-p/GS", "mtg_jamendo": "m-a-p/MTG"}
"""Repositories on the Hugging Face hub from which MARBLE's download.py gets a dataset."""
NSYNTH = "http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-$split.jsonwav.tar.gz"


def default_folder(name: str) -> Path:
    """Return the folder where `m2l-bench data get` and `data make` put a dataset, and where its loader looks."""
    return cache_folder() / "datasets" / name


def command_for(name: str, folder: Path | None = None) -> str:
    """Return the command that downloads a dataset, or renders it if it is one of the rendered ones.

    For datasets that `m2l-bench data get` does not download it is a command of a shell.
    """
    if name in HUB:
        return f"hf download {HUB[name]} --repo-type dataset --local-dir {folder or default_folder(name)}"
    if name == "nsynth":
        target = folder or default_folder(name)
        return f"mkdir -p {target} && for split in train valid test; do curl {NSYNTH} | tar -xzC {target}; done"
    verb = "make" if name.startswith("mini-") else "get"
    argument = f" {folder}" if folder is not None and folder != default_folder(name) else ""
    return f"m2l-bench data {verb} {name}{argument}"


def existing_folder(name: str, data: Path | None) -> Path:
    """Return `data`, or the default folder of the dataset, after a check that it is complete.

    Raises:
        UserError: the folder is not there, or is not complete.
    """
    folder = data or default_folder(name)
    if not folder.is_dir():
        alternative = "" if data else ", or pass the folder of your copy with --data DIR"
        raise UserError(f"{folder}: no {name} there; `{command_for(name, data)}` gets it{alternative}")
    marker = folder / MARKER
    if marker.exists():
        raise UserError(f"{folder}: not complete; `{marker.read_text(encoding='utf-8').strip()}` continues")
    return folder


@contextmanager
def filling(folder: Path, command: str) -> Iterator[None]:
    """Mark `folder` as not complete until the block ends without an error. Only one process at a time may fill it.

    Args:
        command: the command that continues, which the marker holds.

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
        raise UserError(f"{folder}: another m2l-bench is filling this folder; wait until it ends") from error
