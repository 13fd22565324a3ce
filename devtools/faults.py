"""Faults for `scripts/campaign.py`: damaged files, and what a machine lacks.

The functions of a machine are called in a process that runs one command, and change nothing outside it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path


def mutate(content: bytes, draw: random.Random, good: list[Path]) -> tuple[bytes, str]:
    """Damage the content of a file, and say how."""
    how = draw.choice(("flip", "flip the head", "cut", "insert", "delete", "other head", "zeros", "nothing"))
    place = draw.randrange(len(content))
    if how.startswith("flip"):
        changed = bytearray(content)
        for _ in range(draw.choice((1, 5, 50))):
            changed[draw.randrange(len(content) if how == "flip" else 100)] ^= 1 << draw.randrange(8)
        return bytes(changed), how
    length = draw.choice((1, 100, 5000))
    return {
        "cut": content[:place],
        "insert": content[:place] + draw.randbytes(length) + content[place:],
        "delete": content[:place] + content[place + length :],
        "other head": draw.choice(good).read_bytes()[:64] + content[64:],
        "zeros": content[:place] + bytes(len(content) - place),
        "nothing": b"",
    }[how], how


def limit_file_size(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fill_disk(size: int) -> None:
    """Mount a small disk over `out`, which nobody else sees; a limit of file sizes where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    private, no_change = 0x20000, 1 << 18 | 1 << 14  # CLONE_NEWNS; MS_PRIVATE | MS_REC
    if (
        libc.unshare(private)
        or libc.mount(b"none", b"/", None, no_change, None)
        or libc.mount(b"tmpfs", b"out", b"tmpfs", 0, b"size=8k")
    ):
        limit_file_size(size)


def become_nobody(_: int) -> None:
    """Without rights on any folder, and without a home."""
    os.environ.pop("XDG_CACHE_HOME", None)
    os.environ["HOME"] = "/nonexistent"
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def lose_home(_: int) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "TERM", "LANG"):
        os.environ.pop(name, None)


def speak_ascii(_: int) -> None:
    os.environ["LC_ALL"] = "C"
    sys.stdout, sys.stderr = (open(fd, "w", encoding="ascii", closefd=False) for fd in (1, 2))  # noqa: SIM115


def close_stdout(_: int) -> None:
    os.close(1)
    sys.stdout = None  # as Python begins where there is none


def close_pipe(_: int) -> None:
    """Nobody reads stdout, as with `| head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - which was a file, and would seek


def lose_locks(number: int) -> None:
    code = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)[number % 3]

    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    fcntl.flock = flock


MACHINES: dict[str, Callable[[int], None]] = {
    "file size": limit_file_size,
    "full disk": fill_disk,
    "nobody": become_nobody,
    "no home": lose_home,
    "ascii": speak_ascii,
    "closed stdout": close_stdout,
    "closed pipe": close_pipe,
    "no locks": lose_locks,
}
"""By name what is done to the process; the number is drawn at random."""
