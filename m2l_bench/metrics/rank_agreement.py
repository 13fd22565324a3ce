"""Agreement of metrics: Spearman's rank correlation (1904) over systems and over clips, also on resamples of the clips.

All functions take merits: values that are higher for better sounds, so +1 always means that two metrics agree on what
is better. Equal values share the mean of their ranks, as in `scipy.stats.spearmanr`, whose results these are.

Merits are an array (metrics, systems, clips), NaN where a metric has no value. Two metrics are compared on those clips
of a system on which both have one. A resample is a row of counts: how often each clip is drawn (Efron 1979). All
systems and metrics are resampled with the same clips.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Counts = NDArray[np.int32]
Mask = NDArray[np.bool_]

FEWEST = 3
"""Smallest number of systems or clips that has a rank correlation: with two it could only be -1 or +1."""
RESAMPLES = 1_000
"""Number of resamples."""


def draw_counts(clips: int, resamples: int = RESAMPLES, seed: int = 0) -> Counts:
    """Count how often each clip is drawn, (1 + resamples, clips); the first row has each clip once."""
    drawn = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=resamples)
    return np.concatenate([np.ones((1, clips)), drawn]).astype(np.int32)


def correlations_over_systems(merits: Values, counts: Counts) -> Values:
    """Correlate the systems' means over clips, for each pair of metrics.

    Args:
        merits: (metrics, systems, clips).
        counts: (resamples, clips).

    Returns:
        (resamples, metrics, metrics), NaN where fewer than three systems have both metrics, where one of them has the
        same mean on all systems, and on resamples that have none of the clips of a system.
    """
    has_value = ~np.isnan(merits)
    result = np.full((len(counts), len(merits), len(merits)), np.nan)
    standardised: dict[tuple[int, bytes], Values] = {}

    def standardised_means(metric: int, both: Mask) -> Values:
        key = metric, both.tobytes()
        if key not in standardised:
            present = both.any(axis=1)
            means = [_means(*row, counts) for row in zip(merits[metric][present], both[present], strict=True)]
            standardised[key] = _standardise(_ranks(np.stack(means, axis=1)), np.ones(1))
        return standardised[key]

    for first, second in itertools.combinations(range(len(merits)), 2):
        both = has_value[first] & has_value[second]
        if both.any(axis=1).sum() >= FEWEST:
            result[:, first, second] = result[:, second, first] = _correlate(
                standardised_means(first, both), standardised_means(second, both)
            )
    return result


def correlations_over_clips(merits: Values, counts: Counts) -> Values:
    """Correlate the clips of one system, for each pair of metrics.

    Args:
        merits: (metrics, clips).
        counts: (resamples, clips).

    Returns:
        (resamples, metrics, metrics), NaN where fewer than three clips have both metrics, and where one of them has the
        same value on all clips.
    """
    has_value = ~np.isnan(merits)
    result = np.full((len(counts), len(merits), len(merits)), np.nan)
    standardised: dict[tuple[int, bytes], Values] = {}

    def standardised_ranks(metric: int, both: Mask) -> Values:
        key = metric, both.tobytes()
        if key not in standardised:
            drawn = counts[:, both]
            standardised[key] = _standardise(ranks_in_resamples(merits[metric][both], drawn), drawn)
        return standardised[key]

    for first, second in itertools.combinations(range(len(merits)), 2):
        both = has_value[first] & has_value[second]
        if both.sum() >= FEWEST:
            result[:, first, second] = result[:, second, first] = _correlate(
                standardised_ranks(first, both), standardised_ranks(second, both)
            )
    return result


def ranks_in_resamples(values: Values, counts: Counts) -> Values:
    """Rank each clip's value within each resample, from 1 for the lowest; equal values share the mean of their ranks.

    It takes one sort for all resamples. `scipy.stats.rankdata` of each resample gives the same.

    Args:
        values: (clips,).
        counts: (resamples, clips).

    Returns:
        (resamples, clips); the rank of a clip that a resample does not have has no meaning.
    """
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    first_of_group = np.flatnonzero(np.diff(group[order], prepend=-1))
    drawn = np.add.reduceat(counts[:, order], first_of_group, axis=1)
    ranks: Values = np.cumsum(drawn, axis=1) - (drawn - 1) / 2
    return ranks[:, group]


def average_over_systems(correlations: Values) -> Values:
    """Average correlations (systems, ...) over the systems that have one; NaN where none has."""
    has_value = ~np.isnan(correlations)
    number = has_value.sum(axis=0)
    total = np.where(has_value, correlations, 0.0).sum(axis=0)
    return _divide(total, number)


def interval(resampled: Values) -> tuple[float, float]:
    """Compute the 95 % percentile interval of the resamples (resamples,) that have a value; NaN where none has."""
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def _means(values: Values, has_value: Mask, counts: Counts) -> Values:
    """Compute the mean over clips in each resample; NaN where it has none of them, or infinities of both signs."""
    values, counts = values[has_value], counts[:, has_value]
    number = counts.sum(axis=1)
    means = _divide(counts @ np.where(np.isfinite(values), values, 0.0), number)
    above, below = ((counts[:, values == end] > 0).any(axis=1) for end in (np.inf, -np.inf))
    means[above], means[below], means[above & below] = np.inf, -np.inf, np.nan
    return means


def _ranks(means: Values) -> Values:
    """Rank systems within each resample, (resamples, systems); a resample in which one has no mean is NaN."""
    from scipy.stats import rankdata

    ranks: Values = rankdata(means, axis=1, nan_policy="propagate")
    return ranks


def _standardise(ranks: Values, counts: NDArray[np.generic]) -> Values:
    """Convert ranks so that the sum of products of two is their correlation; NaN where all ranks are equal.

    Args:
        ranks: (resamples, clips or systems).
        counts: how often each counts; of the same shape, or of one that broadcasts to it.
    """
    weights = np.broadcast_to(counts, ranks.shape).astype(np.float64)
    number = weights.sum(axis=1, keepdims=True)
    centred = ranks - (number + 1) / 2
    scale = np.sqrt((weights * centred**2).sum(axis=1, keepdims=True))
    return _divide(np.sqrt(weights) * centred, scale)


def _correlate(first: Values, second: Values) -> Values:
    correlations: Values = np.clip(np.einsum("ri,ri->r", first, second), -1, 1)
    return correlations


def _divide(values: NDArray[Any], by: NDArray[Any]) -> Values:
    """Divide by numbers that are not negative; NaN where one is zero."""
    quotients: Values = np.divide(values, by, out=np.full(values.shape, np.nan), where=by > 0)
    return quotients
