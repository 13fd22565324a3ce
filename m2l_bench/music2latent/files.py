"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_or_absent(path: Path) -> Iterator[Path]:
    """Give a temporary path, in the same folder and with the same suffix, to write to.

    It takes the name of `path` when the block ends, so that a reader sees the old content or the new, never a part. If
    the block raises, it is removed and the old content stays. If the process is killed, it remains until the next
    process that writes `path` uses it again.

    Raises:
        OSError: it cannot be written.
    """
    with _reserved(path) as temporary:
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it cannot be written; the old content is still there.
    """
    with whole_or_absent(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _reserved(path: Path) -> Iterator[Path]:
    """Give a temporary path that no other process uses.

    Its name is always the same, held by a lock that ends with the process. Where another process holds it, or where
    there are no locks (Windows, some network file systems), it has the number of the process in it.
    """
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    own = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        import fcntl
    except ImportError:
        yield own
        return
    with temporary.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield own
        except OSError:
            temporary.unlink(missing_ok=True)
            yield own
        else:
            # Another process may have given this file its final name between opening and locking.
            yield temporary if _is_open_as(handle.fileno(), temporary) else own


def _is_open_as(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
