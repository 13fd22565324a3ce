"""The distance against closed forms and scipy's matrix square root; statistics against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from m2l_bench.metrics.frechet import GaussianStatistics, clip_distance, frechet_distance, statistics


def gaussian(rng: np.random.Generator, dim: int, frames: int, spread: float = 1.0) -> np.ndarray:
    return rng.standard_normal((frames, dim)) @ (rng.standard_normal((dim, dim)) * spread) + rng.standard_normal(dim)


def by_sqrtm(first: GaussianStatistics, second: GaussianStatistics) -> float:
    """The definition, word for word."""
    difference = first.mean - second.mean
    root = sqrtm(first.covariance @ second.covariance).real
    return float(difference @ difference + np.trace(first.covariance + second.covariance - 2 * root))


@given(dim=st.integers(1, 40), frames=st.integers(2, 100), clip=st.integers(1, 7), seed=st.integers(0, 99))
def test_statistics_are_numpys_however_the_vectors_are_cut(dim: int, frames: int, clip: int, seed: int) -> None:
    values = gaussian(np.random.default_rng(seed), dim, frames) + 1e4
    moments = statistics(values[start : start + clip] for start in range(0, frames, clip))
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    scale = np.abs(covariance).max()
    np.testing.assert_allclose(moments.mean, values.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(moments.covariance, covariance, atol=1e-9 * scale)
    assert moments.frames == frames


def test_blocks_larger_than_the_buffer_count_once() -> None:
    values = np.random.default_rng(0).standard_normal((10_001, 3))
    np.testing.assert_allclose(statistics([values]).covariance, np.cov(values, rowvar=False), rtol=1e-10)


@given(dim=st.integers(1, 60), seed=st.integers(0, 999))
def test_the_distance_is_that_of_the_definition(dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (statistics([gaussian(rng, dim, 6 * dim + 4)]) for _ in range(2))
    expected = by_sqrtm(first, second)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-8)


def test_diagonal_covariances_have_a_closed_form() -> None:
    a, b = np.array([4.0, 1.0, 0.0]), np.array([1.0, 0.0, 9.0])
    first = GaussianStatistics(np.array([1.0, 0.0, 0.0]), np.diag(a))
    second = GaussianStatistics(np.zeros(3), np.diag(b))
    assert frechet_distance(first, second) == pytest.approx(1 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)


@given(
    dim=st.integers(2, 80), frames=st.integers(2, 40), scale=st.sampled_from([1e-3, 1.0, 1e3]), seed=st.integers(0, 99)
)
def test_identical_sets_are_at_zero_also_without_full_rank(dim: int, frames: int, scale: float, seed: int) -> None:
    values = gaussian(np.random.default_rng(seed), dim, frames, scale)
    one, other = statistics([values]), statistics([values[::-1]])
    assert frechet_distance(one, other) <= 1e-9 * np.trace(one.covariance)


def test_without_full_rank_the_distance_is_that_of_the_subspace() -> None:
    """Two sets inside a plane of a space of 50 dimensions: the distance is the plane's, whatever lies around it."""
    rng = np.random.default_rng(4)
    first, second = gaussian(rng, 2, 300), gaussian(rng, 2, 300)
    turned = np.linalg.qr(rng.standard_normal((50, 50)))[0][:2]
    in_plane = frechet_distance(statistics([first]), statistics([second]))
    assert frechet_distance(statistics([first @ turned]), statistics([second @ turned])) == pytest.approx(
        in_plane, rel=1e-9
    )


def test_equal_vectors_have_no_covariance_and_still_a_distance() -> None:
    still = statistics([np.ones((5, 4))])
    moved = statistics([np.full((5, 4), 3.0)])
    assert frechet_distance(still, still) == 0.0
    assert frechet_distance(still, moved) == pytest.approx(16.0)


def test_the_distance_of_a_clip_is_that_of_its_statistics_and_of_one_vector_that_of_a_point() -> None:
    rng = np.random.default_rng(7)
    reference = statistics([gaussian(rng, 12, 200)])
    clip = gaussian(rng, 12, 5)
    assert clip_distance(reference, clip) == pytest.approx(frechet_distance(reference, statistics([clip])), rel=1e-9)
    point = clip_distance(reference, clip[:1])
    assert point == pytest.approx(((clip[0] - reference.mean) ** 2).sum() + np.trace(reference.covariance), rel=1e-12)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([np.ones((1, 3))], "two vectors needed for a covariance, got 1"),
        ([], "two vectors needed for a covariance, got 0"),
        ([np.array([[1.0, np.nan], [0, 0]])], "NaN or infinite values"),
        ([np.ones((2, 3)), np.ones((2, 4))], "vectors of 3 and of 4 numbers in one set"),
    ],
)
def test_sets_without_a_covariance_are_explained(clips: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statistics(clips)


def test_other_dimensions_and_what_is_no_covariance_are_explained() -> None:
    one = statistics([np.random.default_rng(0).standard_normal((9, 3))])
    with pytest.raises(ValueError, match="vectors of 3 and of 2 numbers cannot be compared"):
        frechet_distance(one, GaussianStatistics(np.zeros(2), np.eye(2)))
    with pytest.raises(ValueError, match="not positive semidefinite"):
        frechet_distance(one, GaussianStatistics(np.zeros(3), np.diag([1.0, 1.0, -1.0])))
    with pytest.raises(ValueError, match="not positive semidefinite"):
        frechet_distance(one, GaussianStatistics(np.zeros(3), np.eye(3)[::-1] - np.diag([0, 1.0, 0])))
    with pytest.raises(ValueError, match="vectors of 3 numbers needed, got an array of shape"):
        clip_distance(one, np.ones((2, 4)))
