"""Atomic writes, folders that only one process works in, and file names for any id."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from m2l_bench.boundary import explain_full_disk, is_disk_full
from m2l_bench.environment import LOG
from m2l_bench.errors import UserError
from m2l_bench.music2latent.files import whole_or_absent, write_atomically

__all__ = [
    "explain_write_errors",
    "file_name",
    "link_or_copy",
    "locked_folder",
    "numbered",
    "whole_or_absent",
    "write_atomically",
]


NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
"""How file systems without locks answer, such as NFS without its lock server."""


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line that tells the user what is safe.

    Raises:
        UserError: something could not be written.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise UserError(explain_full_disk(error, folder)) from error
        reason = error.strerror or str(error)
        raise UserError(
            f"{folder}: cannot write ({reason}). Finished clips are safe: fix it and run the same command again"
        ) from error


@contextmanager
def locked_folder(parent: Path, choose: Callable[[Path], Path]) -> Iterator[Path]:
    """Make the folder that `choose` names below `parent`, and keep other processes out of it.

    Raises:
        UserError: the folder cannot be written, or another process is using it.
    """
    import filelock

    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = choose(parent)
        folder.mkdir(exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
    except OSError as error:
        raise UserError(f"{parent}: cannot write there ({error.strerror or error})") from error
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{folder}: another process is working on this run; wait for it or choose another --out"
        ) from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise UserError(f"{parent}: cannot write there ({error.strerror or error})") from error
        LOG.warning("%s: this file system has no locks: do not run two commands on it at once", folder)
    try:
        yield folder
    finally:
        lock.release()


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot; the target is whole or not there.

    Both names are for files that are replaced and never changed.

    Raises:
        OSError: it cannot be written.
    """
    if target.exists() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_or_absent(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def numbered(name: str, number: int) -> str:
    """Name of the folder of the first, second, third ... run called `name`: `name`, `name~2`, `name~3` ..."""
    return name if number == 1 else f"{name}~{number}"


def file_name(clip_id: str) -> str:
    """Make a file name from any id: unusual characters become %XX, long names are shortened with a hash."""
    name = urllib.parse.quote(clip_id, safe=" +,;=@()[]'")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > 180:
        name = f"{name[:160]}-{hashlib.sha256(clip_id.encode()).hexdigest()[:16]}"
    return name
