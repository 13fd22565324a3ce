"""Results of a probe from its scores: metrics of each seed, their spread, and an interval over the test items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics import classification
from m2l_bench.metrics.classification import METRICS, Scores, Truth
from m2l_bench.metrics.classification_resampling import draw

RESAMPLES = 1000
"""Number of resamples of the test items."""
RESAMPLING_SEED = 0
"""Random seed of the resamples, the same for all models so that they can be paired."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A metric of classifiers with several seeds, on the same test items."""

    mean: float
    """Mean over seeds."""
    std: float | None
    """Standard deviation over seeds, which shows the influence of training; None for one seed."""
    seeds: list[float]
    """Value of each seed."""
    low: float
    """Lower end of the 95 % bootstrap interval of the mean, which shows the influence of the test items; see
    `interval`."""
    high: float
    """Upper end of this interval."""
    resampled: list[float | None]
    """Mean over seeds on each resample; None where the metric has no value."""


def measure(name: str, truth: Truth, scores: Scores) -> Measured:
    """Measure a metric on scores (seeds, items, classes).

    Args:
        name: name of a metric in `METRICS`.
    """
    seeds = [METRICS[name].measure(truth, seed_scores) for seed_scores in scores]
    resampled_means = resampled(name, truth, scores)
    mean = float(np.mean(seeds))
    low, high = interval(resampled_means, mean)
    return Measured(
        mean=mean,
        std=float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None,
        seeds=[round(value, 6) for value in seeds],
        low=max(0.0, low),
        high=min(1.0, high),
        resampled=[None if np.isnan(value) else round(float(value), 6) for value in resampled_means],
    )


def mean_confusion(truth: Truth, scores: Scores) -> list[list[float]]:
    """Compute the mean of the confusion matrix over seeds; rows are true classes."""
    matrices = [classification.confusion_matrix(truth, seed_scores) for seed_scores in scores]
    confusion: list[list[float]] = np.mean(matrices, axis=0).tolist()
    return confusion


def resampled(name: str, truth: Truth, scores: Scores) -> Values:
    """Compute the mean over seeds of a metric on each resample of the items, (RESAMPLES,)."""
    counts = draw(len(truth.labels), RESAMPLES, RESAMPLING_SEED)
    values: Values = np.mean([METRICS[name].resample(truth, seed_scores, counts) for seed_scores in scores], axis=0)
    return values


def interval(resampled_values: Values, value: float) -> tuple[float, float]:
    """Compute the 95 % interval from percentiles of resampled values, shifted so that their mean is `value`.

    Some metrics have another mean on resamples, in which items are repeated: the average precision of few clips is
    higher by several percent, and an interval from plain percentiles might not contain the measured value.
    """
    low, high = np.nanpercentile(centred(resampled_values, value), [2.5, 97.5])
    return float(low), float(high)


def centred(resampled_values: Values, value: float) -> Values:
    """Shift resampled values so that their mean is `value`, which removes the bias of resampling."""
    return resampled_values - (np.nanmean(resampled_values) - value)
