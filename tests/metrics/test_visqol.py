import numpy as np
import pytest

from m2l_bench import audio
from m2l_bench.codecs.anchors import LowPass
from m2l_bench.datasets import bundled
from m2l_bench.errors import Undefined
from m2l_bench.metrics import visqol_kernels, visqol_search
from m2l_bench.metrics.visqol import visqol


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, int]:
    return audio.read(bundled.load().clips[3].path, 2.0, 3.0)


def test_a_copy_is_at_the_ceiling_and_loudness_does_not_matter(clip: tuple[np.ndarray, int]) -> None:
    original, rate = clip
    assert visqol(original, original, rate) == pytest.approx(4.732, abs=0.01)
    assert visqol(original, 0.25 * original, rate) == pytest.approx(4.732, abs=0.01)


def test_lower_cutoffs_score_lower_whatever_the_sample_rate(clip: tuple[np.ndarray, int]) -> None:
    original, rate = clip
    at_44k = audio.resample(original, rate, 44_100)
    scores = [visqol(at_44k, LowPass(cutoff).reconstruct("", at_44k, 44_100), 44_100) for cutoff in (12_000, 3_500)]
    assert 4.7 > scores[0] > scores[1] + 0.5


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_has_no_score(clip: tuple[np.ndarray, int], silent: int) -> None:
    pair = [clip[0], clip[0]]
    pair[silent] = np.zeros_like(clip[0])
    with pytest.raises(Undefined, match="is silent"):
        visqol(pair[0], pair[1], clip[1])


def test_less_than_a_second_has_no_score(clip: tuple[np.ndarray, int]) -> None:
    with pytest.raises(Undefined, match="shorter than the second"):
        visqol(clip[0][:, :40_000], clip[0][:, :40_000], clip[1])


@pytest.mark.parametrize("frames", [1, 15, 16, 37])
def test_the_faster_functions_are_the_packages_to_the_last_bit(frames: int) -> None:
    numba_accel = pytest.importorskip("visqol.numba_accel")
    visqol_gammatone = pytest.importorskip("visqol.gammatone")
    size, hop, bands = 960, 240, 32
    bank = visqol_gammatone.make_erb_filters(48_000, bands, 50.0, 24_000.0).filter_coeffs
    gain, ones = bank[9], np.ones(bands)
    first = [bank[0] / gain, bank[1] / gain, bank[5] / gain]
    numerators = np.array(
        [np.stack(stage, axis=1) for stage in (first, *([bank[0], bank[i], bank[5]] for i in (2, 3, 4)))]
    )
    denominators = np.stack([ones, bank[7], bank[8]], axis=1)
    signal = np.random.default_rng(frames).standard_normal(size + (frames - 1) * hop)
    arguments = (signal, np.hanning(size), numerators, denominators, size, hop, bands, frames)
    theirs = numba_accel._gammatone_spectrogram_numba(*arguments)
    ours = visqol_kernels.spectrogram(*arguments)
    assert np.array_equal(ours, theirs) and theirs.std() > 0
    their_patches = numba_accel._build_all_deg_patches(theirs, bands, 30)
    assert np.array_equal(visqol_kernels.patches(ours, bands, 30), their_patches)


@pytest.mark.parametrize("search_window", [20, 1800])
def test_the_faster_search_is_the_packages_to_the_last_bit(search_window: int) -> None:
    numba_accel = pytest.importorskip("visqol.numba_accel")
    random, frames = np.random.default_rng(0), 90
    spectrogram = random.random((8, frames))
    spectrogram[:, 40:75] = 0  # many equal similarities
    starts = np.array([0, 10, 20, 45])
    pieces = np.stack([np.pad(spectrogram, ((0, 0), (0, 9)))[:, start + 2 : start + 12] for start in starts])
    pieces[1] += 0.1 * random.random(pieces[1].shape)
    patches = visqol_kernels.patches(spectrogram, 8, 10)
    constants = numba_accel._GW, numba_accel._C1, numba_accel._C3
    arguments = (pieces, patches, starts, len(starts), frames, search_window, *constants)
    theirs, ours = numba_accel._dp_forward_pass(*arguments), visqol_search.forward_pass(*arguments)
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert theirs[0].std() > 0
