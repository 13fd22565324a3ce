"""Scores of a probe -> its results: metrics of each seed, their spread, and how far the test clips decide them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics import classification
from m2l_bench.metrics.classification import METRICS, Scores, Truth
from m2l_bench.metrics.classification_resampling import draw

RESAMPLES = 1000
RESAMPLING_SEED = 0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A metric of the classifiers of several seeds on the same test items."""

    mean: float
    """Over seeds."""
    std: float | None
    """Over seeds, how far training decides; None for one seed."""
    seeds: list[float]
    low: float
    high: float
    """95 % bootstrap interval of the mean over test items, how far the clips decide: see `interval`."""
    resampled: list[float | None]
    """The mean on each resample; None where the metric has no value."""


def measure(name: str, truth: Truth, scores: Scores) -> Measured:
    """Measure a metric on scores (seeds, items, classes)."""
    seeds = [METRICS[name].measure(truth, one) for one in scores]
    drawn = resampled(name, truth, scores)
    mean = float(np.mean(seeds))
    low, high = interval(drawn, mean)
    return Measured(
        mean=mean,
        std=float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None,
        seeds=[round(value, 6) for value in seeds],
        low=max(0.0, low),
        high=min(1.0, high),
        resampled=[None if np.isnan(value) else round(float(value), 6) for value in drawn],
    )


def mean_confusion(truth: Truth, scores: Scores) -> list[list[float]]:
    """Confusion matrix, the mean over seeds: rows are true classes."""
    matrices = [classification.confusion_matrix(truth, one) for one in scores]
    confusion: list[list[float]] = np.mean(matrices, axis=0).tolist()
    return confusion


def resampled(name: str, truth: Truth, scores: Scores) -> Values:
    """The mean over seeds of a metric on each resample of the items, (RESAMPLES,)."""
    counts = draw(len(truth.labels), RESAMPLES, RESAMPLING_SEED)
    values: Values = np.mean([METRICS[name].resample(truth, one, counts) for one in scores], axis=0)
    return values


def interval(drawn: Values, value: float) -> tuple[float, float]:
    """95 % percentiles of resampled values, moved so that their mean is the measured value.

    Some metrics are not the same on average in resamples, where items are double: average precision of few clips is
    higher by several percent, and an interval by plain percentiles would lie beside the value.
    """
    low, high = np.nanpercentile(centred(drawn, value), [2.5, 97.5])
    return float(low), float(high)


def centred(drawn: Values, value: float) -> Values:
    """Resampled values less the bias of resampling."""
    return drawn - (np.nanmean(drawn) - value)
