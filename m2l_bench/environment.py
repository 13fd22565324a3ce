"""What a machine may lack: a home that can be written, caches, a terminal that knows all characters, locks."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

LOG = logging.getLogger("m2l_bench")
"""Warnings to the user: a line on stderr."""
COMPILING_SECONDS = 300
"""How long to wait for another process that compiles."""


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


def compile_once(package: str, compile: Callable[[], object]) -> None:
    """Call `compile` the first time on this machine, while other processes that want the same wait.

    numba compiles the functions of some packages when they are imported or first called, which takes seconds, and keeps
    the result on disk. Two processes that do it at once may keep parts that do not fit together: from then on each
    process that calls such a function ends with a segmentation fault (numba's issue 10128) or calls the function for
    another type (4807).

    Args:
        package: the package whose functions `compile` compiles. They are compiled again after another installation of
            it, with another numba, and on another kind of processor.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    import hashlib
    from importlib.metadata import version

    from filelock import FileLock, Timeout
    from llvmlite.binding import get_host_cpu_name

    module = find_spec(package)
    if module is None or module.origin is None:
        raise ModuleNotFoundError(f"no module named {package}", name=package)
    installed = Path(module.origin).stat().st_mtime_ns
    identity = repr((module.origin, installed, version("numba"), get_host_cpu_name()))
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    done = user_cache() / "m2l-bench" / "compiled" / f"{package}-{key}"
    if done.exists():
        return
    try:
        done.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{done}.lock", timeout=COMPILING_SECONDS):
            if not done.exists():
                compile()
                done.touch()
    except (OSError, NotImplementedError, Timeout):
        pass  # No locks here, or nowhere to write: it is compiled when it is used, as without this function.


@functools.cache
def compile_librosa() -> None:
    """Compile what `librosa.feature` and `librosa.util` define: to be called before they are used."""
    compile_once("librosa", lambda: import_module("librosa.feature.spectral"))


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
