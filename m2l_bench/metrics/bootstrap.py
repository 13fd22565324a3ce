"""Bootstrap intervals of means over clips (Efron 1979)."""

from __future__ import annotations

import numpy as np

RESAMPLES = 10_000
"""Number of resamples."""


def bootstrap_interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Compute the 95 % percentile interval of the mean over clips; NaN for fewer than two values.

    An infinite value (SI-SDR of an exact copy) makes the mean, and so both ends, infinite.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    if not np.isfinite(values).all():
        return float(values.mean()), float(values.mean())
    rng = np.random.default_rng(seed)
    block = max(1, 2_000_000 // len(values))
    means = [
        values[rng.integers(0, len(values), (min(block, resamples - first), len(values)))].mean(axis=1)
        for first in range(0, resamples, block)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
