"""Every codec over real clips through the command line: `scripts/run_every_codec.py` on few of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.random_codecs import FAMILIES
from scripts.run_every_codec import run


@pytest.mark.slow
def test_two_clips_of_the_bundled(tmp_path: Path) -> None:
    assert not run(FAMILIES, tmp_path, clips=2)
