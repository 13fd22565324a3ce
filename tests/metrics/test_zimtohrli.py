import numpy as np
import pytest

from m2l_bench import audio
from m2l_bench.audio import Audio
from m2l_bench.codecs.anchors import LowPass
from m2l_bench.datasets import bundled
from m2l_bench.errors import Undefined
from m2l_bench.metrics.zimtohrli import zimtohrli

package = pytest.importorskip("zimtohrli")


@pytest.fixture(scope="module")
def clip() -> tuple[Audio, int]:
    return audio.read(bundled.load().clips[3].path, 2.0, 2.0)


def test_a_copy_has_the_best_score_and_lower_cutoffs_score_lower(clip: tuple[Audio, int]) -> None:
    original, rate = clip
    assert zimtohrli(original, original, rate) == 5
    scores = [zimtohrli(original, LowPass(cutoff).reconstruct("", original, rate), rate) for cutoff in (12_000, 3_500)]
    assert 5 > scores[0] > scores[1] >= 1


def test_it_is_the_packages_score_of_mono_audio_at_48_khz() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 2, 48_000)).astype(np.float32) / 10
    theirs = package.mos_from_signals(noise[0].mean(axis=0), noise[1].mean(axis=0))
    assert zimtohrli(noise[0], noise[1], 48_000) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_has_no_score(clip: tuple[Audio, int], silent: int) -> None:
    pair = [clip[0], clip[0]]
    pair[silent] = np.zeros_like(clip[0])
    with pytest.raises(Undefined, match="is silent"):
        zimtohrli(pair[0], pair[1], clip[1])


@pytest.mark.parametrize("samples, reason", [(999, "shorter than the second"), (61_000, "longer than the minute")])
def test_less_than_a_second_and_more_than_a_minute_have_no_score(samples: int, reason: str) -> None:
    audio = np.ones((1, samples), np.float32)
    with pytest.raises(Undefined, match=reason):
        zimtohrli(audio, audio, 1_000)
