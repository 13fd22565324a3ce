"""What a machine without frechet-audio-distance says; `tests_upstream` has the tests with it."""

import importlib.util
from pathlib import Path

import pytest

from m2l_bench.distances.upstream import score
from m2l_bench.errors import UserError


@pytest.mark.skipif(importlib.util.find_spec("frechet_audio_distance") is not None, reason="the package is here")
def test_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not installed: pip install 'm2l-bench\[upstream\]', in an environment"):
        score(tmp_path, tmp_path, "vggish")
