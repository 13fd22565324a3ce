"""Where one item of a loop fails and the others go on, and how an interruption gets through.

Every loop over clips, files or systems catches `Exception` at one place for each item and asks `reason_of` for the
words. Some libraries (numba's dispatchers) turn the KeyboardInterrupt that a signal raises into a SystemError; who
waits for the word "interrupted" therefore asks `interrupted`, and not only for the type.
"""

from __future__ import annotations

import signal
from types import FrameType

from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.text import one_line

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
    """
    if _requested:
        raise KeyboardInterrupt from error
    if isinstance(error, BadClip | Undefined | UserError):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"{type(error).__name__}: {one_line(error)}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _requested
    _requested = True
    raise KeyboardInterrupt
