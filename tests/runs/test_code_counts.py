"""Counts of codes on disk: written and read, absent, damaged, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m2l_bench.errors import UserError
from m2l_bench.runs.code_counts import read_code_counts, write_code_counts


@pytest.mark.parametrize("largest", [0, 1, 255, 256, 70_000, 2**33])
def test_counts_come_back_as_they_were(tmp_path: Path, largest: int) -> None:
    counts = np.array([[0, 1, largest], [2, 0, 3]])
    write_code_counts(tmp_path, "a/b", counts)
    stored = read_code_counts(tmp_path, "a/b")
    assert stored is not None and stored.dtype == np.int64 and np.array_equal(stored, counts)
    assert read_code_counts(tmp_path, "c") is None


def test_a_clip_takes_a_few_kilobytes(tmp_path: Path) -> None:
    """Ten stereo seconds of nine codebooks."""
    counts = np.random.default_rng(0).multinomial(1722, np.full(1024, 1 / 1024), size=9)
    write_code_counts(tmp_path, "a", counts)
    (path,) = (tmp_path / "codes").iterdir()
    assert path.stat().st_size < 6000


@pytest.mark.parametrize(("keep", "changed"), [(0, 0), (10, 0), (200, 0), (2000, 8), (1000, 800)])
def test_a_damaged_file_is_named(tmp_path: Path, keep: int, changed: int) -> None:
    """Cut short, or with some bytes in the middle changed."""
    write_code_counts(tmp_path, "a", np.arange(4000).reshape(4, 1000))
    path = tmp_path / "codes" / "a.npz"
    content = path.read_bytes()
    path.write_bytes(content[:keep] + (b"\xff" * changed + content[keep + changed :] if changed else b""))
    with pytest.raises(UserError, match=r"a\.npz: not readable as counts of codes .*; delete it"):
        read_code_counts(tmp_path, "a")
