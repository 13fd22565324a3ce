import numpy as np
import pytest
from support.audio import music

from m2l_bench.metrics.spectral import log_spectral_distance


def test_a_copy_and_a_copy_with_another_sign_are_at_distance_zero() -> None:
    audio = music(0.5, channels=2)
    assert log_spectral_distance(audio, audio) == 0
    assert log_spectral_distance(audio, -audio) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_a_gain_is_its_decibels(gain_db: float) -> None:
    audio = np.random.default_rng(0).standard_normal((1, 20_000)).astype(np.float32)
    assert log_spectral_distance(audio, audio * 10 ** (gain_db / 20)) == pytest.approx(abs(gain_db), rel=1e-3)


def test_what_nobody_hears_does_not_count() -> None:
    silence = np.zeros((1, 20_000), np.float32)
    hiss = 1e-6 * np.random.default_rng(0).standard_normal((1, 20_000)).astype(np.float32)
    assert log_spectral_distance(silence, hiss) == 0


def test_noise_is_far_from_music_and_louder_noise_farther() -> None:
    audio = music(0.5)
    noise = np.random.default_rng(0).standard_normal(audio.shape).astype(np.float32)
    assert 3 < log_spectral_distance(audio, 0.01 * noise) < log_spectral_distance(audio, 0.5 * noise)


@pytest.mark.parametrize("shapes", [((1, 5000), (2, 5000)), ((1, 5000), (1, 4999)), ((1, 100), (1, 100))])
def test_unusable_shapes(shapes: tuple) -> None:
    with pytest.raises(ValueError, match="expected two arrays of the same shape"):
        log_spectral_distance(*(np.zeros(shape, np.float32) for shape in shapes))
