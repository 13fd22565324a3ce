"""Rank correlations of metrics: against scipy, on all clips and on resamples, and what must hold of any values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr

from m2l_bench.metrics.rank_agreement import (
    average_over_systems,
    correlations_over_clips,
    correlations_over_systems,
    draw_counts,
    interval,
    ranks_in_resamples,
)

TIED = st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 1.0, 3.0, np.inf])
CLIPS = arrays(float, st.tuples(st.just(2), st.integers(3, 9)), elements=TIED)
SYSTEMS = arrays(float, st.tuples(st.just(2), st.integers(3, 6), st.integers(1, 6)), elements=st.integers(-9, 9))
MONOTONE: list[Callable[[np.ndarray], np.ndarray]] = [np.exp, np.arctan, lambda values: values**3, lambda x: 5 * x - 7]
"""Strictly increasing changes."""


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def once(clips: int) -> np.ndarray:
    return np.ones((1, clips), np.int32)


def scipys(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of scipy, which warns of constant values; these have none."""
    if (first == first[0]).all() or (second == second[0]).all():
        return float("nan")
    return float(spearmanr(first, second).statistic)


@given(CLIPS)
def test_over_clips_is_scipys_also_with_ties_and_infinities(merits: np.ndarray) -> None:
    measured = correlations_over_clips(merits, once(merits.shape[1]))
    assert measured.shape == (1, 2, 2)
    assert measured[0, 0, 1] == pytest.approx(scipys(*merits), nan_ok=True)
    assert measured[0, 0, 1] == measured[0, 1, 0] or np.isnan(measured[0, 0, 1])


@settings(max_examples=30)
@given(CLIPS, st.integers(0, 99))
def test_each_resample_is_scipys_of_the_drawn_clips(merits: np.ndarray, seed: int) -> None:
    counts = draw_counts(merits.shape[1], 20, seed)
    for row, measured in zip(counts, correlations_over_clips(merits, counts)[:, 0, 1], strict=True):
        assert measured == pytest.approx(scipys(*np.repeat(merits, row, axis=1)), nan_ok=True)


@given(arrays(float, 7, elements=TIED), st.integers(0, 99))
def test_ranks_in_resamples_are_scipys(values: np.ndarray, seed: int) -> None:
    counts = draw_counts(7, 5, seed)
    for row, ranks in zip(counts, ranks_in_resamples(values, counts), strict=True):
        assert np.repeat(ranks, row).tolist() == rankdata(np.repeat(values, row)).tolist()


@settings(max_examples=30)
@given(SYSTEMS, st.integers(0, 99))
def test_over_systems_is_scipys_of_the_means_of_the_drawn_clips(merits: np.ndarray, seed: int) -> None:
    counts = draw_counts(merits.shape[2], 10, seed)
    for row, measured in zip(counts, correlations_over_systems(merits, counts)[:, 0, 1], strict=True):
        means = np.repeat(merits, row, axis=2).mean(axis=2)
        assert measured == pytest.approx(scipys(*means), nan_ok=True)


@given(CLIPS, st.sampled_from(MONOTONE), st.integers(0, 99))
def test_a_monotone_change_of_a_metric_changes_nothing_over_clips(
    merits: np.ndarray, change: Callable[[np.ndarray], np.ndarray], seed: int
) -> None:
    merits = np.nan_to_num(merits, posinf=8, neginf=-8)
    counts = draw_counts(merits.shape[1], 20, seed)
    changed = np.stack([merits[0], change(merits[1])])
    np.testing.assert_array_equal(correlations_over_clips(merits, counts), correlations_over_clips(changed, counts))
    reversed_ = correlations_over_clips(np.stack([merits[0], -change(merits[1])]), counts)[:, 0, 1]
    np.testing.assert_allclose(reversed_, -correlations_over_clips(merits, counts)[:, 0, 1], atol=1e-12)


@given(SYSTEMS, st.integers(0, 99))
def test_a_scale_and_an_offset_of_a_metric_change_nothing_over_systems(merits: np.ndarray, seed: int) -> None:
    """Only these: another monotone change of the clips' values also changes which mean is higher."""
    counts = draw_counts(merits.shape[2], 20, seed)
    changed = np.stack([merits[0], 8 * merits[1] + 64])
    np.testing.assert_array_equal(correlations_over_systems(merits, counts), correlations_over_systems(changed, counts))


def test_the_mean_of_an_infinite_value_is_the_best() -> None:
    infinite = np.array([[[1.0, np.inf], [5.0, 9.0], [2.0, 3.0]], [[9.0, 9.0], [3.0, 3.0], [1.0, 1.0]]])
    assert correlations_over_systems(infinite, once(2))[0, 0, 1] == pytest.approx(1)
    infinite[0, 1] = -np.inf
    assert correlations_over_systems(infinite, once(2))[0, 0, 1] == pytest.approx(0.5)  # ranks 3, 1, 2 and 3, 2, 1


def test_metrics_are_compared_where_both_have_a_value() -> None:
    nan = np.nan
    merits = np.array([[1.0, 2.0, 3.0, nan, 0.0], [5.0, 6.0, 7.0, 99.0, nan], [3.0, 2.0, 1.0, 4.0, nan]])
    measured = correlations_over_clips(merits, once(5))[0]
    assert measured[0, 1] == pytest.approx(1)
    assert measured[1, 2] == pytest.approx(scipys(merits[1, :4], merits[2, :4]))
    systems = np.array(
        [[[1.0, nan], [2.0, 50.0], [3.0, nan], [nan, nan]], [[1.0, 2.0], [2.0, nan], [3.0, -99], [0, 0]]]
    )
    assert correlations_over_systems(systems, once(2))[0, 0, 1] == pytest.approx(1)


@pytest.mark.parametrize("function", [correlations_over_clips, correlations_over_systems])
def test_too_few_and_constant_ones_have_none(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    def correlate(*merits: list[float]) -> float:
        values = np.array(merits)
        if function is correlations_over_systems:
            return float(function(values[:, :, None], once(1))[0, 0, 1])
        return float(function(values, once(values.shape[1]))[0, 0, 1])

    assert np.isnan(correlate([1, 2], [1, 2]))
    assert np.isnan(correlate([1, 2, np.nan], [1, 2, 3]))
    assert np.isnan(correlate([1, 1, 1], [1, 2, 3]))
    assert np.isnan(correlate([np.nan] * 3, [1, 2, 3]))
    assert np.isnan(correlate([np.inf] * 3, [1, 2, 3]))
    assert correlate([1, 2, 3], [1, 2, 3]) == pytest.approx(1)


def test_the_first_resample_is_all_clips_and_the_others_have_as_many() -> None:
    counts = draw_counts(11, 50)
    assert (counts[0] == 1).all() and (counts.sum(axis=1) == 11).all() and len(counts) == 51
    assert (counts[1:] != 1).any() and counts[1:].mean(axis=0) == pytest.approx(np.ones(11), abs=0.6)
    assert (draw_counts(11, 50) == counts).all()


def test_systems_without_a_correlation_do_not_count_in_the_average() -> None:
    correlations = np.array([[0.5, np.nan], [-0.1, np.nan], [np.nan, np.nan]])
    assert average_over_systems(correlations) == pytest.approx([0.2, np.nan], nan_ok=True)


def test_the_interval_is_of_the_resamples_that_have_a_value() -> None:
    values = np.concatenate([np.linspace(-1, 1, 201), [np.nan] * 50])
    assert interval(values) == pytest.approx((-0.95, 0.95))
    assert np.isnan(interval(np.full(3, np.nan))).all()
