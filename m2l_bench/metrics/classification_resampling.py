"""Classification metrics on thousands of resamples of the same items at once (Efron 1979).

A resample is a row of counts: how often each item was drawn. The values equal those of scikit-learn with the counts as
`sample_weight`, which tests confirm. scikit-learn would sort the same scores for each resample; this module sorts each
tag once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
BLOCK = 4_000_000
"""Numbers that are in memory at once."""


def draw(items: int, resamples: int, seed: int = 0) -> Values:
    """Draw items with replacement and count them, (resamples, items).

    Equal arguments give equal counts, so that the results of different models can be paired.
    """
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, items))
    for row in counts:
        row[:] = np.bincount(rng.integers(0, items, items), minlength=items)
    return counts


def mean(values: Values, counts: Values) -> Values:
    """Compute the mean of values (items,) on each resample."""
    means: Values = counts @ values / counts.sum(axis=1)
    return means


def mean_over_groups(values: Values, groups: Labels, counts: Values) -> Values:
    """Compute the mean over groups of each group's mean; groups of which no item was drawn do not count."""
    membership = groups[:, None] == np.unique(groups)
    with np.errstate(invalid="ignore"):
        means = (counts @ (membership * values[:, None])) / (counts @ membership)
    averages: Values = np.nanmean(means, axis=1)
    return averages


def macro_f1(truth: Labels, predicted: Labels, classes: int, counts: Values) -> Values:
    """Compute the mean of F1 over all classes, with 0 for a class that is neither drawn nor predicted.

    Args:
        classes: number of classes.
    """
    numbers = np.arange(classes)
    is_true, is_predicted = truth[:, None] == numbers, predicted[:, None] == numbers
    correct, total = counts @ (is_true & is_predicted), counts @ is_true + counts @ is_predicted
    f1: Values = np.divide(2 * correct, total, out=np.zeros_like(correct), where=total > 0).mean(axis=1)
    return f1


def macro_roc_auc(truth: Labels, scores: NDArray[Any], counts: Values) -> Values:
    """Compute the mean area under the ROC curve over tags; tags without both kinds of items do not count."""
    return _macro(truth, scores, counts, _roc_auc)


def macro_average_precision(truth: Labels, scores: NDArray[Any], counts: Values) -> Values:
    """Compute the mean average precision over tags; tags without both kinds of items do not count."""
    return _macro(truth, scores, counts, _average_precision)


def _macro(truth: Labels, scores: NDArray[Any], counts: Values, measure: Callable[[Values, Values], Values]) -> Values:
    """Compute the mean of a metric over tags, on each resample.

    Args:
        measure: a function of the hits and misses above each threshold, which is NaN where only one kind was drawn.
    """
    items, tags = truth.shape
    result = np.empty(len(counts))
    step = max(1, BLOCK // items)
    for first in range(0, len(counts), step):
        block = counts[first : first + step]
        values = np.empty((len(block), tags))
        for tag in range(tags):
            order = np.argsort(-scores[:, tag], kind="stable")
            ordered = scores[order, tag]
            # Items of equal score are one point of a curve: its last one.
            ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
            ordered_counts = block[:, order]
            hits = np.cumsum(ordered_counts * truth[order, tag], axis=1)[:, ends]
            values[:, tag] = measure(hits, np.cumsum(ordered_counts, axis=1)[:, ends] - hits)
        sums, valid = np.nansum(values, axis=1), np.isfinite(values).sum(axis=1)
        result[first : first + step] = np.divide(sums, valid, out=np.full(len(block), np.nan), where=valid > 0)
    return result


def _roc_auc(hits: Values, misses: Values) -> Values:
    """Compute the area under the ROC curve from cumulative counts (resamples, thresholds), with trapezoids."""
    heights = hits + np.pad(hits[:, :-1], ((0, 0), (1, 0)))
    areas = (np.diff(misses, axis=1, prepend=0) * heights).sum(axis=1) / 2
    total = hits[:, -1] * misses[:, -1]
    area: Values = np.divide(areas, total, out=np.full(len(hits), np.nan), where=total > 0)
    return area


def _average_precision(hits: Values, misses: Values) -> Values:
    """Add up the precision at each threshold, weighted with the recall that the threshold adds."""
    total = hits + misses
    precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
    sums = (np.diff(hits, axis=1, prepend=0) * precision).sum(axis=1)
    has_both_kinds = (hits[:, -1] > 0) & (misses[:, -1] > 0)
    value: Values = np.divide(sums, hits[:, -1], out=np.full(len(hits), np.nan), where=has_both_kinds)
    return value
