"""`m2l-bench --status FILE`: what a command is doing, as JSON for dashboards and schedulers."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from m2l_bench.environment import LOG
from m2l_bench.runs.files import write_atomically

EVERY_SECONDS = 2.0
"""Least time between two versions of the file while work goes on."""


class StatusFile:
    """The file of this process. Until `open` is called there is none, and all else does nothing."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.content: dict[str, Any] = {}
        self.written = 0.0

    def open(self, path: Path, command: str) -> None:
        """Begin to write to a file, which is replaced."""
        self.path = path
        self.content = {"command": command, "state": "running", "host": socket.gethostname(), "pid": os.getpid()}
        self._write()

    def begin(self, work: str, total: int, done: int) -> Callable[..., None]:
        """Begin a part of the work.

        Args:
            work: what is being worked on, such as the name of a system.
            total: items in all.
            done: items that were done before.

        Returns:
            What is called for each further item that is done; it takes further numbers by name.
        """
        if self.path is None:
            return lambda **_: None
        started, before = time.monotonic(), done

        def advance(**numbers: float) -> None:
            nonlocal done
            done += 1
            seconds = time.monotonic() - started
            left = seconds / (done - before) * (total - done)
            self._update(work, total, done, seconds=round(seconds, 1), seconds_left=round(left, 1), **numbers)

        self._update(work, total, done, seconds=0.0, seconds_left=None)
        return advance

    def _update(self, work: str, total: int, done: int, **numbers: float | None) -> None:
        if self.path is None:
            return
        self.content |= {"work": work, "total": total, "done": done, **numbers}
        if time.monotonic() - self.written >= EVERY_SECONDS or done == total:
            self._write()

    def close(self, exit_code: int) -> None:
        """Write how the command ended."""
        if self.path is not None:
            self.content |= {"state": "finished" if exit_code in (0, 3) else "failed", "exit_code": exit_code}
            self._write()

    def _write(self) -> None:
        assert self.path is not None
        self.written = time.monotonic()
        content = self.content | {"updated": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        try:
            write_atomically(self.path, json.dumps(content, indent=2).encode() + b"\n")
        except OSError as error:
            LOG.warning("%s: cannot be written (%s); going on without it", self.path, error.strerror or error)
            self.path = None


STATUS = StatusFile()
"""The status file of this process."""
