"""Classification metrics on thousands of resamples of the same items at once (Efron 1979).

A resample is a row of counts: how often each item was drawn. The values are those of scikit-learn with the counts as
`sample_weight`, which sorts the same scores again for each resample; here each tag is sorted once. Tests compare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
BLOCK = 4_000_000
"""Numbers held at once."""


def draw(items: int, resamples: int, seed: int = 0) -> Values:
    """Counts (resamples, items) of items drawn with replacement. Equal arguments, equal draws: models can be paired."""
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, items))
    for row in counts:
        row[:] = np.bincount(rng.integers(0, items, items), minlength=items)
    return counts


def mean(values: Values, counts: Values) -> Values:
    """Of values (items,) on each resample."""
    means: Values = counts @ values / counts.sum(axis=1)
    return means


def mean_over_groups(values: Values, groups: Labels, counts: Values) -> Values:
    """The mean over groups of the mean of each; groups that were not drawn do not count."""
    member = groups[:, None] == np.unique(groups)
    with np.errstate(invalid="ignore"):
        means = (counts @ (member * values[:, None])) / (counts @ member)
    averages: Values = np.nanmean(means, axis=1)
    return averages


def macro_f1(truth: Labels, predicted: Labels, classes: int, counts: Values) -> Values:
    """The mean over all classes of F1, 0 for one neither drawn nor predicted."""
    every = np.arange(classes)
    true, guessed = truth[:, None] == every, predicted[:, None] == every
    right, total = counts @ (true & guessed), counts @ true + counts @ guessed
    f1: Values = np.divide(2 * right, total, out=np.zeros_like(right), where=total > 0).mean(axis=1)
    return f1


def macro_roc_auc(truth: Labels, scores: NDArray[Any], counts: Values) -> Values:
    """The mean over tags of the area under the ROC curve; tags without both kinds of items do not count."""
    return _macro(truth, scores, counts, _roc_auc)


def macro_average_precision(truth: Labels, scores: NDArray[Any], counts: Values) -> Values:
    """The mean over tags of the average precision; tags without both kinds of items do not count."""
    return _macro(truth, scores, counts, _average_precision)


def _macro(truth: Labels, scores: NDArray[Any], counts: Values, measure: Callable[[Values, Values], Values]) -> Values:
    """`measure` takes hits and misses above each threshold and is NaN where only one kind was drawn."""
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
            drawn = block[:, order]
            hits = np.cumsum(drawn * truth[order, tag], axis=1)[:, ends]
            values[:, tag] = measure(hits, np.cumsum(drawn, axis=1)[:, ends] - hits)
        sums, valid = np.nansum(values, axis=1), np.isfinite(values).sum(axis=1)
        result[first : first + step] = np.divide(sums, valid, out=np.full(len(block), np.nan), where=valid > 0)
    return result


def _roc_auc(hits: Values, misses: Values) -> Values:
    """Of cumulative counts (resamples, thresholds); trapezoids between thresholds."""
    heights = hits + np.pad(hits[:, :-1], ((0, 0), (1, 0)))
    areas = (np.diff(misses, axis=1, prepend=0) * heights).sum(axis=1) / 2
    total = hits[:, -1] * misses[:, -1]
    area: Values = np.divide(areas, total, out=np.full(len(hits), np.nan), where=total > 0)
    return area


def _average_precision(hits: Values, misses: Values) -> Values:
    """Precision at each threshold, weighted with the recall that it adds."""
    drawn = hits + misses
    precision = np.divide(hits, drawn, out=np.zeros_like(hits), where=drawn > 0)
    sums = (np.diff(hits, axis=1, prepend=0) * precision).sum(axis=1)
    both = (hits[:, -1] > 0) & (misses[:, -1] > 0)
    value: Values = np.divide(sums, hits[:, -1], out=np.full(len(hits), np.nan), where=both)
    return value
