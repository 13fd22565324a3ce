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
    the block raises, it is removed and the old content stays. Its name holds the number of the process: two processes
    that write the same file do not meet.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
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
