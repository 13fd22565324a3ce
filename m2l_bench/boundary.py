"""Where one item of a loop fails and the others go on, and how an interruption gets through.

Every loop over clips, files or systems catches `Exception` at one place for each item and asks `reason_of` for the
words. A full disk is no item's failure, and ends the loop. Some libraries (numba's dispatchers) turn the
KeyboardInterrupt that a signal raises into a SystemError; who waits for the word "interrupted" therefore asks
`interrupted`, and not only for the type.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from types import FrameType

from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.text import one_line

FULL_MEMORY = ("DefaultCPUAllocator: ", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Beginnings of PyTorch's messages about a full memory that do not have the type for it."""
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""How the system refuses to write when a disk is full, or the user's share of it."""
FULL_DISK_TEXTS = tuple(map(os.strerror, FULL_DISK))
"""What is left of it in the errors of libraries."""
NO_OUTPUT = "a temporary file or a cache (TMPDIR, XDG_CACHE_HOME, NUMBA_CACHE_DIR)"
"""What was written where an error names no file."""

_requested = False


def listen_for_interrupts() -> None:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, and remember that they came."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def interrupted() -> bool:
    """Whether a signal has asked this process to stop."""
    return _requested


def reason_of(error: Exception) -> str:
    """Say in one line why an item failed.

    Raises:
        KeyboardInterrupt: it did not fail: the process is to stop.
        UserError: it did not fail: a disk is full, and the next items would fail too.
    """
    if _requested:
        raise KeyboardInterrupt from error
    if is_disk_full(error):
        if isinstance(error, UserError):
            raise error
        raise UserError(explain_full_disk(error)) from error
    if isinstance(error, BadClip | Undefined | UserError):
        return one_line(error)
    if is_out_of_memory(error):
        return "out of memory"
    return f"{type(error).__name__}: {one_line(error)}"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the memory of the machine or of a GPU is full.

    PyTorch has a type for GPUs, which is not imported for this, and a message for CPUs.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or any(text in str(error) for text in FULL_MEMORY)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error means that a disk is full, or the user's share of it."""
    return getattr(error, "errno", None) in FULL_DISK or any(text in str(error) for text in FULL_DISK_TEXTS)


def explain_full_disk(error: Exception, folder: Path | None = None) -> str:
    """Say in one line that a disk is full, and what to do.

    Args:
        folder: where something was written; None: the error names the file, or it was no output.
    """
    place = folder or getattr(error, "filename", None) or NO_OUTPUT
    reason = getattr(error, "strerror", None) or one_line(error)
    return (
        f"{place}: the disk is full ({reason}). What is finished is safe: free space or choose another folder, "
        "then run the same command again"
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _requested
    _requested = True
    raise KeyboardInterrupt
