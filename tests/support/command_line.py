"""The command line, as tests run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TESTS = str(Path(__file__).resolve().parents[1])
"""The folder of tests: a process with it on its `PYTHONPATH` can import the toy codec and the toy embedding."""
M2L_BENCH = [sys.executable, "-m", "m2l_bench"]
"""The command line in a process of its own."""
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
"""Type of the fixtures `cli` and `cli_here`."""
