"""Files that belong to others and are not in the repository: the variable M2L_BENCH_SHARED names their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "M2L_BENCH_SHARED"


def shared(*parts: str) -> Path:
    """Path below the folder of shared files; skips the test where the variable is not set.

    Raises:
        FileNotFoundError: the variable is set, but the file is not there.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"set {VARIABLE} to the folder that holds {'/'.join(parts)}")
    path = Path(folder).joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"{path}: not in the folder that {VARIABLE} names")
    return path
