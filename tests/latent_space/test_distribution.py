import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from m2l_bench.latent_space.distribution import (
    by_channel,
    dead,
    distribution,
    effective_rank,
    gaussian_floor,
    moments,
    spectrum,
)

WIDTH, FRAMES = 16, 4000


def gaussian(seed: int = 0, width: int = WIDTH, frames: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((width, frames))


def test_moments_are_those_of_scipy() -> None:
    numbers = np.random.default_rng(0).exponential(size=(3, 500))
    mean, deviation, skewness, excess = moments(numbers)
    np.testing.assert_allclose(mean, numbers.mean(axis=1))
    np.testing.assert_allclose(deviation, numbers.std(axis=1))
    np.testing.assert_allclose(skewness, skew(numbers, axis=1))
    np.testing.assert_allclose(excess, kurtosis(numbers, axis=1))


def test_gaussian_frames_are_as_near_as_draws_are() -> None:
    """Also after scaling and shifting each channel, which standardisation undoes."""
    scales = np.linspace(0.1, 7, WIDTH)[:, None]
    for clips in ([gaussian()], [scales * gaussian()[:, :1000] + 3, scales * gaussian()[:, 1000:] + 3]):
        assert distribution(clips)["gaussian_distance"] == pytest.approx(gaussian_floor(WIDTH, FRAMES), rel=0.25)


@pytest.mark.parametrize("name", ["exponential", "one direction"])
def test_other_frames_are_far_from_a_gaussian(name: str) -> None:
    if name == "exponential":
        frames = np.random.default_rng(0).exponential(size=(2, FRAMES)) ** 2
    else:
        frames = np.repeat(gaussian(width=1), WIDTH, axis=0)
    assert distribution([frames])["gaussian_distance"] > 5 * gaussian_floor(*frames.shape)


def test_effective_rank() -> None:
    assert effective_rank(np.ones(5)) == pytest.approx(5)
    assert effective_rank(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert np.isnan(effective_rank(np.zeros(3)))
    mixed = np.random.default_rng(1).standard_normal((WIDTH, 4)) @ gaussian(width=4)
    assert 1 < effective_rank(spectrum(mixed)) <= 4


def test_a_rotation_keeps_the_spectrum() -> None:
    frames = gaussian() * np.arange(1, WIDTH + 1)[:, None]
    matrix = np.linalg.qr(gaussian(2, WIDTH, WIDTH))[0]
    np.testing.assert_allclose(spectrum(matrix @ frames), spectrum(frames), rtol=1e-8)


def test_dead_channels_are_counted() -> None:
    frames = gaussian()
    frames[3] = 5
    frames[4] *= 1e-3
    assert list(np.flatnonzero(dead(frames))) == [3, 4]
    assert distribution([frames])["dead_channels"] == 2
    channels = by_channel([frames])
    assert channels["skewness"][3] is None and channels["mean"][3] == 5
    assert len(channels["spectrum"]) == WIDTH


def test_constant_latents_have_no_distance() -> None:
    values = distribution([np.ones((3, 50))])
    assert np.isnan(values["gaussian_distance"]) and np.isnan(values["effective_rank"])
    assert values["dead_channels"] == 3
