"""The unbiased estimate against its definition, term by term."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from m2l_bench.metrics import kernel_distance
from m2l_bench.metrics.kernel_distance import kernel_audio_distance


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    width = np.median(pdist(x))
    within = [(np.exp(-(cdist(z, z) ** 2) / (2 * width**2)).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(100 * (sum(within) - 2 * np.exp(-(cdist(x, y) ** 2) / (2 * width**2)).mean()))


def test_it_is_the_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1500, 6)), 0.2 + 1.1 * rng.standard_normal((1300, 6))
    assert kernel_audio_distance(np.split(x, 100), np.split(y, 130)) == pytest.approx(by_definition(x, y), rel=1e-9)


def test_samples_of_one_distribution_scatter_about_zero() -> None:
    rng = np.random.default_rng(1)
    distances = [
        kernel_audio_distance([rng.standard_normal((60, 4))], [rng.standard_normal((60, 4))]) for _ in range(200)
    ]
    assert abs(np.mean(distances)) < 4 * np.std(distances) / np.sqrt(len(distances))
    assert min(distances) < 0 < max(distances)


def test_of_large_sets_a_sample_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((3000, 4)), 1 + rng.standard_normal((3000, 4))
    whole = kernel_audio_distance([x], [y])
    monkeypatch.setattr(kernel_distance, "MAXIMUM_FRAMES", 500)
    assert kernel_audio_distance(np.split(x, 300), [y]) == pytest.approx(whole, rel=0.1)


def test_what_has_no_distance_is_explained() -> None:
    vectors = np.random.default_rng(3).standard_normal((5, 3))
    for reference, evaluated, message in [
        ([vectors], [vectors[:1]], "two vectors needed"),
        ([vectors], [vectors[:, :2]], "vectors of 3 and of 2 numbers"),
        ([np.ones((5, 3))], [vectors], "most vectors of the reference are equal"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernel_audio_distance(reference, evaluated)
