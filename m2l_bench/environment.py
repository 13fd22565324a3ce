"""What a machine may lack: a home that can be written, caches, a terminal that knows all characters, locks."""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path

LOG = logging.getLogger("m2l_bench")
"""Warnings to the user: a line on stderr."""


@functools.cache
def user_cache() -> Path:
    """The folder for caches: `XDG_CACHE_HOME`, `~/.cache`, or a temporary one where neither can be written."""
    folder = _usual_cache()
    if _is_writable(folder):
        return folder
    import tempfile

    temporary = Path(tempfile.gettempdir()) / f"m2l-bench-cache-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    temporary.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and temporary.stat().st_uid != os.getuid():  # somebody else's trap
        temporary = Path(tempfile.mkdtemp(prefix="m2l-bench-cache-"))
    LOG.warning(
        "%s cannot be written: caches are in %s (set XDG_CACHE_HOME to keep them elsewhere)",
        folder,
        temporary,
    )
    return temporary


def prepare() -> None:
    """Let numba and PyTorch compile where the home cannot be written (containers, cluster modules)."""
    for name, folder in (("NUMBA_CACHE_DIR", "numba"), ("TORCHINDUCTOR_CACHE_DIR", "torch")):
        if name not in os.environ and not _is_writable(_usual_cache()):
            os.environ[name] = os.fspath(user_cache() / folder)


def share_cores() -> None:
    """Let PyTorch's threads sleep while they wait for each other, where worker processes need the cores meanwhile.

    By default they compute while they wait, and take the cores from the workers and from the threads they wait for:
    decoding on a CPU was six times slower beside two workers. Without workers, sleeping costs some percent. It has an
    effect only before PyTorch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def accept_any_terminal() -> None:
    """Print `?` for characters that the terminal's encoding lacks, such as arrows."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _usual_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_writable(folder: Path) -> bool:
    """Whether a folder can be written, or made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
