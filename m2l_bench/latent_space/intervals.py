"""Intervals of what is computed from all clips together, by the jackknife over groups of clips (Tukey 1958).

Resamples with repeated clips, as in a bootstrap, would make a set look smaller than it is: ranks would fall, and
distances to a distribution grow. The jackknife only leaves clips out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from m2l_bench.latent_space.coder import Values
from m2l_bench.metrics.bootstrap import bootstrap_interval

GROUPS = 20
"""Largest number of groups into which clips are divided; with no more clips than this, each is a group."""

Item = TypeVar("Item")


class Figure(NamedTuple):
    """A value, its 95 % interval (NaN where it has none), and the number of clips."""

    value: float
    low: float
    high: float
    clips: int


def over_clips(values: Sequence[float]) -> Figure:
    """Average the values of clips, without those that are NaN, with a bootstrap interval."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return Figure(float("nan"), float("nan"), float("nan"), 0)
    return Figure(float(finite.mean()), *bootstrap_interval(finite), len(finite))


def over_set(measure: Callable[[Sequence[Item]], Values], clips: Sequence[Item]) -> dict[str, Figure]:
    """Compute values of all clips together, with jackknife intervals from Student's distribution.

    Args:
        measure: maps what is known of some clips to values by name.
        clips: what is known of each clip, at least one.
    """
    from scipy.stats import t

    whole = measure(clips)
    count = min(GROUPS, len(clips))
    parts = (
        [measure([clip for i, clip in enumerate(clips) if i % count != left_out]) for left_out in range(count)]
        if count > 1
        else []
    )
    figures = {}
    for name, value in whole.items():
        without = np.array([part[name] for part in parts])
        half = float("nan")
        if count > 1 and np.isfinite(without).all():
            error = np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2))
            half = float(t.ppf(0.975, count - 1) * error)
        figures[name] = Figure(value, value - half, value + half, len(clips))
    return figures
