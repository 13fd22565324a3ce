"""Precision, recall, density and coverage against their definition, and what they say of sets that are known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from m2l_bench.metrics import vector_samples
from m2l_bench.metrics.prdc import NEIGHBOURS, Prdc, precision_recall_density_coverage


def by_definition(x: np.ndarray, y: np.ndarray) -> Prdc:
    """The definitions of Naeem et al. and Kynkäänniemi et al., one loop for each quantifier."""

    def radius(vectors: np.ndarray, i: int) -> float:
        others = [float(np.linalg.norm(vectors[i] - other)) for j, other in enumerate(vectors) if j != i]
        return sorted(others)[NEIGHBOURS - 1]

    x_radii, y_radii = ([radius(vectors, i) for i in range(len(vectors))] for vectors in (x, y))
    inside_x = np.array([[np.linalg.norm(a - b) < r for a, r in zip(x, x_radii, strict=True)] for b in y])
    inside_y = np.array([[np.linalg.norm(a - b) < r for b, r in zip(y, y_radii, strict=True)] for a in x])
    return Prdc(
        precision=inside_x.any(axis=1).mean(),
        recall=inside_y.any(axis=1).mean(),
        density=inside_x.sum() / (NEIGHBOURS * len(y)),
        coverage=inside_x.any(axis=0).mean(),
    )


@pytest.mark.parametrize("block", [7, 256])
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.7, 1.0), (0.3, 0.3), (0.0, 3.0)])
def test_they_are_the_definition(monkeypatch: pytest.MonkeyPatch, block: int, shift: float, spread: float) -> None:
    monkeypatch.setattr(vector_samples, "BLOCK", block)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((80, 4)), shift + spread * rng.standard_normal((60, 4))
    figures = precision_recall_density_coverage(np.split(x, 8), np.split(y, 20))
    assert figures == pytest.approx(by_definition(x, y), abs=1e-12)
    assert 0 < figures.coverage <= 1


def test_a_copy_is_covered_and_a_far_set_is_not() -> None:
    x = np.random.default_rng(1).standard_normal((200, 5))
    assert precision_recall_density_coverage([x], [x])[::3] == (1.0, 1.0)
    assert precision_recall_density_coverage([x], [x + 100]) == (0.0, 0.0, 0.0, 0.0)


def test_vectors_that_are_all_alike_are_precise_and_cover_little() -> None:
    """The case for which coverage and recall were made: every output like one typical original."""
    x = np.random.default_rng(2).standard_normal((300, 2))
    figures = precision_recall_density_coverage([x], [np.full((300, 2), 0.01)])
    assert figures.precision == 1 and figures.recall == 0 and figures.coverage < 0.1 < figures.density


def test_half_of_the_kinds_missing_halves_coverage_and_recall() -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.standard_normal((200, 2)), 50 + rng.standard_normal((200, 2))])
    figures = precision_recall_density_coverage([x], [rng.standard_normal((400, 2))])
    assert figures.coverage == pytest.approx(0.5, abs=0.05) and figures.recall == pytest.approx(0.5, abs=0.05)
    assert figures.precision > 0.9


def test_rounding_makes_no_neighbourhood_of_equal_vectors() -> None:
    """Far from zero, distances of equal vectors are not exactly zero."""
    rng = np.random.default_rng(4)
    x = 1000 + rng.standard_normal((50, 30))
    x[:10] = x[0]
    figures = precision_recall_density_coverage([x], [x])
    assert figures.coverage == figures.recall == 0.8
    assert cdist(x[:10], x[:10]).max() == 0


def test_of_large_sets_a_sample_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2000, 3)), rng.standard_normal((2000, 3))
    monkeypatch.setattr(vector_samples, "MAXIMUM_FRAMES", 400)
    figures = precision_recall_density_coverage(np.split(x, 100), [y])
    assert figures.density == pytest.approx(1, abs=0.15) and figures.coverage > 0.9


def test_what_has_no_figures_is_explained() -> None:
    vectors = np.random.default_rng(6).standard_normal((6, 3))
    for reference, evaluated, message in [
        ([vectors[:5]], [vectors], "6 vectors needed in each set, got 5 and 6"),
        ([vectors], [vectors[:5]], "6 vectors needed in each set, got 6 and 5"),
        ([vectors], [], "no vectors in a set"),
        ([vectors], [vectors[:, :2]], "vectors of 3 and of 2 numbers"),
        ([np.ones((9, 3))], [vectors], "most vectors of the reference are equal"),
        ([vectors * np.inf], [vectors], "NaN or infinite values"),
    ]:
        with pytest.raises(ValueError, match=message):
            precision_recall_density_coverage(reference, evaluated)
    assert np.isfinite(precision_recall_density_coverage([vectors], [vectors])).all()
