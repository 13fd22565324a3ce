"""Intervals that hold what they promise, and an extrapolation that removes the bias of small sets."""

from functools import partial

import numpy as np
import pytest

from m2l_bench.metrics import frechet_resampling
from m2l_bench.metrics.frechet import frechet_distance, statistics
from m2l_bench.metrics.frechet_resampling import (
    Reference,
    bootstrap_interval,
    extrapolated_distance,
    resampled_distances,
)

DIM = 8


def clips(rng: np.random.Generator, count: int, mean: float = 0.0, frames: int = 4) -> list[np.ndarray]:
    """Vectors of a clip share an offset, as real ones do: within-clip and between-clip variance are 0.5 each."""
    offsets = rng.standard_normal((count, 1, DIM)) * np.sqrt(0.5)
    return list(mean + offsets + rng.standard_normal((count, frames, DIM)) * np.sqrt(0.5))


def interval(
    reference: Reference, evaluated: list[np.ndarray], measured: float, *, paired: bool
) -> tuple[float, float]:
    return bootstrap_interval(resampled_distances(reference, evaluated, paired=paired), measured)


def test_resampled_statistics_are_those_of_the_repeated_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((n, DIM)) + 50 for n in (1, 5, 2, 7)]
    counts = rng.integers(1, 4, (9, 4))
    for memory in (500_000_000, 8 * DIM * DIM * 3):  # all rows and clips at once, and three at a time
        monkeypatch.setattr(frechet_resampling, "SUMS_BYTES", memory)
        monkeypatch.setattr(frechet_resampling, "BLOCK_BYTES", memory)
        for row, moments in zip(counts, frechet_resampling._resampled(sets, counts), strict=True):
            expected = statistics([clip for clip, times in zip(sets, row, strict=True) for _ in range(times)])
            np.testing.assert_allclose(moments.mean, expected.mean, rtol=1e-12)
            np.testing.assert_allclose(moments.covariance, expected.covariance, atol=1e-12)


def test_the_interval_covers_the_distances_of_fresh_samples() -> None:
    """About 95 in a hundred of repeated experiments measure inside the interval of any one, up to its own noise."""
    rng = np.random.default_rng(1)
    reference = statistics(clips(rng, 4000))
    measured = [frechet_distance(reference, statistics(clips(rng, 60, 0.5))) for _ in range(200)]
    low, high = interval(reference, clips(rng, 60, 0.5), measured[0], paired=False)
    spread = np.percentile(measured, 97.5) - np.percentile(measured, 2.5)
    assert 0.6 * spread < high - low < 1.6 * spread


def test_paired_clips_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    originals = clips(rng, 40)
    assert interval(originals, originals, 0.0, paired=True) == pytest.approx((0, 0), abs=1e-9)
    low, high = interval(originals, originals, 0.0, paired=False)
    assert high - low > 0.1


def test_the_extrapolation_removes_the_bias_of_few_clips() -> None:
    rng = np.random.default_rng(3)
    reference = statistics(clips(rng, 20_000))
    truth = 0.25 * DIM
    plain, extrapolated = [], []
    for _ in range(20):
        evaluated = clips(rng, 50, 0.5)
        plain.append(frechet_distance(reference, statistics(evaluated)))
        extrapolated.append(extrapolated_distance(reference, evaluated, paired=False))
    assert np.mean(plain) > truth + 0.05
    assert abs(np.mean(extrapolated) - truth) < 0.3 * abs(np.mean(plain) - truth)


def test_the_same_seed_gives_the_same_figures_and_few_clips_none() -> None:
    rng = np.random.default_rng(4)
    originals, evaluated = clips(rng, 20), clips(rng, 20, 0.3)
    for function in (partial(interval, measured=1.0), extrapolated_distance):
        first = function(originals, evaluated, paired=False)
        assert first == function(originals, evaluated, paired=False)
        assert np.isnan(function(originals, evaluated[:7], paired=False)).all()


def test_where_half_the_clips_lack_rank_nothing_is_extrapolated() -> None:
    rng = np.random.default_rng(5)
    assert np.isnan(extrapolated_distance(clips(rng, 12), clips(rng, 12, frames=1), paired=True))
