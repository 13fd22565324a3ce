"""Formats that libsndfile does not read, decoded by ffmpeg where it is on the PATH."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from m2l_bench.errors import BadClip

EXTENSIONS = frozenset([".m4a", ".mp4", ".webm", ".aac", ".wma", ".mka", ".ape", ".wv"])
OUTPUT = ("-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "-")
"""The first stream of audio, to standard output, in a format that needs no length."""


def is_here() -> bool:
    """Whether there is an ffmpeg on the PATH."""
    return shutil.which("ffmpeg") is not None


class Ffmpeg:
    """A process that decodes a file.

    Raises:
        BadClip: there is no ffmpeg.
    """

    def __init__(self, path: Path) -> None:
        if not is_here():
            raise BadClip(f"{path.suffix} files need ffmpeg, which is not on the PATH")
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-nostdin", "-i", os.fspath(path.resolve()), *OUTPUT],
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )

    def __enter__(self) -> Ffmpeg:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with contextlib.closing(self._complaints), self._process:
            pass

    def descriptor(self) -> int:
        """The read end of the pipe with the decoded audio, as an AU file; the caller closes it."""
        assert self._process.stdout is not None
        return os.dup(self._process.stdout.fileno())

    def check(self) -> None:
        """Wait until it ends.

        Raises:
            BadClip: it failed; the message is the last line of its complaints.
        """
        if self._process.wait():
            self._complaints.seek(0)
            lines = self._complaints.read().decode(errors="replace").strip().splitlines()
            raise BadClip(f"not readable as audio (ffmpeg: {lines[-1].strip() if lines else 'failed'})")
