"""`m2l_bench.frechet_distance` of two small folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.audio import music, write

import m2l_bench as mb


def test_two_folders(tmp_path: Path) -> None:
    for folder, first in (("a", 0), ("b", 10)):
        for i in range(3):
            write(tmp_path / folder / f"{i}.wav", music(4.0, seed=first + i))
    comparison = mb.frechet_distance(tmp_path / "a", tmp_path / "b", cache=tmp_path / "cache")
    assert comparison.distance.value > 0 and set(comparison.by_clip) == {"0", "1", "2"}
    with pytest.raises(mb.UserError, match="no embedding called 'musicn'"):
        mb.load_embedding("musicn")
