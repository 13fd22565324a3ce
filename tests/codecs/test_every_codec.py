"""Every codec over real clips through the command line: `scripts/run_every_codec.py` on few and short ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.audio import write

from devtools.random_codecs import FAMILIES
from m2l_bench import audio
from m2l_bench.datasets import bundled
from scripts.run_every_codec import run


@pytest.mark.full
def test_sections_of_two_bundled_clips(tmp_path: Path) -> None:
    for clip in bundled.load().clips[:2]:
        samples, rate = audio.read(clip.path, 3.0, 2.0)
        write(tmp_path / "data" / f"{clip.id}.wav", samples, rate)
    assert not run(FAMILIES, tmp_path, clips=2, data=tmp_path / "data")
