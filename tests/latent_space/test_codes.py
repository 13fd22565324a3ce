import numpy as np
import pytest
from support.audio import music
from support.toy_coder import Framed

from m2l_bench.latent_space.codes import code_use, stable_codes


def test_use_of_codebooks_is_that_of_all_clips_together() -> None:
    """Two codebooks of four entries: the first uses two of them equally often, the second only one."""
    clips = [np.array([[50_000, 0, 0, 0], [0, 9, 0, 0]]), np.array([[0, 50_000, 0, 0], [0, 9, 0, 0]])]
    values = code_use(clips)
    assert values["usage"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert values["entropy"] == pytest.approx(0.5, abs=1e-3)
    assert values["perplexity"] == pytest.approx(1.5, abs=1e-3)


def test_share_of_codes_that_a_sample_changes() -> None:
    clip = music(0.5)
    assert stable_codes(Framed(lambda frames: np.zeros((2, frames.shape[1]), int)), clip)["stable_codes"] == 1
    fine = stable_codes(Framed(lambda frames: np.round(1000 * frames[:1]).astype(int)), clip)["stable_codes"]
    coarse = stable_codes(Framed(lambda frames: np.round(frames[:1]).astype(int)), clip)["stable_codes"]
    assert fine < 0.5 < coarse
