"""Which differences between systems the clips decide: each pair of systems, on the clips that both were scored on.

The figure is the difference of the means with its 95 % bootstrap interval over clips. The test is Wilcoxon's
signed-rank test (1945; zeros as Pratt 1959): it takes each clip as its own control, wants no distribution (SI-SDR has
long tails and is infinite for exact copies), and its p has no floor that a correction would multiply, as that of a
permutation test has. Holm's correction (1979) is over all pairs of one metric: the chance of one false difference or
more stays below 5 %. The test asks for the direction of most clips and the interval for the mean; a pair is only called
different where both say so.

A distance between sets has no figures by clip and so no test: its interval is of the difference on the same resamples
of the clips, and decides alone, without a correction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m2l_bench.metrics import PAIRED, metric
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.metrics.frechet_resampling import bootstrap_interval as resampled_interval
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.distances import has_vectors
from m2l_bench.runs.measured import MeasuredRun

LEVEL = 0.05
COLUMNS = ("metric", "first", "second", "clips", "difference", "low", "high", "p", "p_holm", "better")

Values = NDArray[np.float64]


def differences(runs: Sequence[MeasuredRun], progress: Progress | None = None) -> pd.DataFrame:
    """A row a metric and pair of runs, in their order: first minus second, its interval, p, and which one is better.

    Pairs without a common clip, and distances of systems on different clips, are not there.
    """
    names = sorted({name for run in runs for name in run.requested_metrics}, key=_order)
    pairs = list(itertools.combinations(runs, 2))
    frames = []
    with (progress or Quiet()).start("differences", len(names) * len(pairs), 0) as advance:
        for name in names:
            rows = []
            for first, second in pairs:
                found = _of_clips(name, first, second) if name in PAIRED else _of_sets(name, first, second)
                if found:
                    rows.append({"metric": name, "first": first.name, "second": second.name, **found})
                advance()
            if rows:
                frames.append(decide(pd.DataFrame(rows), metric(name).higher_is_better))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)] if frames else pd.DataFrame(columns=list(COLUMNS))


def decide(differences: pd.DataFrame, higher_is_better: bool) -> pd.DataFrame:
    """Of all pairs in one metric: with `p_holm`, and in `better` the name of the better one, or nothing."""
    p = holm(differences["p"].to_numpy(float))
    low, high = (np.sign(differences[end].to_numpy(float)) for end in ("low", "high"))
    decided = (low == high) & (low != 0) & ~(p >= LEVEL)
    first_is_better = (low > 0) == higher_is_better
    better = np.where(first_is_better, differences["first"], differences["second"])
    return differences.assign(p_holm=p, better=np.where(decided, better, ""))


def holm(p: Values) -> Values:
    """Holm's step-down correction of p values; NaN, a pair without a test, does not count and stays."""
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def paired_difference(first: Values, second: Values) -> dict[str, Any]:
    """Of figures of the same clips, (clips,): mean of first minus second, its 95 % interval, p of the signed-rank test.

    Two infinite figures, both exact copies, are equal.
    """
    from scipy.stats import wilcoxon

    with np.errstate(invalid="ignore"):
        by_clip = np.where(first == second, 0.0, first - second)
        low, high = bootstrap_interval(by_clip)
        mean = float(by_clip.mean())
    p = float(wilcoxon(by_clip, zero_method="pratt").pvalue) if by_clip.any() else 1.0
    return {"clips": len(by_clip), "difference": mean, "low": low, "high": high, "p": p}


def _of_clips(name: str, first: MeasuredRun, second: MeasuredRun) -> dict[str, Any] | None:
    one, other = first.values(name), second.values(name)
    common = sorted(one.keys() & other.keys())
    if not common:
        return None
    return paired_difference(np.array([one[id] for id in common]), np.array([other[id] for id in common]))


def _of_sets(name: str, first: MeasuredRun, second: MeasuredRun) -> dict[str, Any] | None:
    one, other = first.distances.get(name), second.distances.get(name)
    if one is None or other is None or one.value is None or other.value is None:
        return None
    if not one.resampled or not other.resampled or _embedded(name, first) != _embedded(name, second):
        return None
    difference = one.value - other.value
    resampled = np.array(one.resampled) - np.array(other.resampled)
    low, high = resampled_interval(resampled, difference)
    return {"clips": one.clips, "difference": difference, "low": low, "high": high, "p": np.nan}


def _embedded(name: str, run: MeasuredRun) -> set[str]:
    """Clips that a distance of this run is over."""
    return {row.id for row in run.measured if has_vectors(row, name)}


def _order(name: str) -> tuple[bool, str]:
    return name not in PAIRED, name
