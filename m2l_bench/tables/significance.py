"""Significance of the differences between systems: each pair, on the clips that both systems were scored on.

The figure is the difference of the means with its 95 % bootstrap interval over clips. The test is Wilcoxon's
signed-rank test (1945; zeros as in Pratt 1959). It uses each clip as its own control and assumes no distribution
(SI-SDR has long tails and is infinite for exact copies). Its p has no lower limit that a correction would multiply, as
the p of a permutation test has. Holm's correction (1979) is over all pairs of one metric: the chance of one or more
false differences stays below 5 %. The test depends on the direction of most clips and the interval on the mean; a pair
is called different only where both agree.

Of a metric of which zero is best, magnitudes are compared.

A distance between sets, Fréchet or kernel, has no figures by clip and so no test. The interval of its difference, on
the same resamples of the clips, decides alone, without a correction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m2l_bench.metrics import PAIRED, metric, set_metric
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.metrics.fad import figure_name, frechet_name
from m2l_bench.metrics.frechet_resampling import bootstrap_interval as resampled_interval
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.distances import has_vectors
from m2l_bench.runs.measured import MeasuredRun

LEVEL = 0.05
COLUMNS = ("metric", "first", "second", "clips", "difference", "low", "high", "p", "p_holm", "better")

Values = NDArray[np.float64]


def differences(runs: Sequence[MeasuredRun], progress: Progress | None = None) -> pd.DataFrame:
    """Compare each pair of runs, one row per metric and pair, in the order of `runs`.

    Pairs without a common clip, and distances of systems on different clips, are left out.

    Returns:
        the columns `COLUMNS`: `difference` is first minus second, `low` and `high` its 95 % interval, and `better` the
        name of the better run, or empty.
    """
    requested = {name for run in runs for name in run.requested_metrics}
    kernels = {figure_name(name, "kad") for name in requested if set_metric(name)}
    names = sorted(requested | kernels, key=_order)
    pairs = list(itertools.combinations(runs, 2))
    frames = []
    with (progress or Quiet()).start("differences", len(names) * len(pairs), 0) as advance:
        for name in names:
            rows = []
            for first, second in pairs:
                compare = _compare_clips if name in PAIRED else _compare_distances
                comparison = compare(name, first, second)
                if comparison:
                    rows.append({"metric": name, "first": first.name, "second": second.name, **comparison})
                advance()
            if rows:
                frames.append(decide(pd.DataFrame(rows), metric(name).higher_is_better))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)] if frames else pd.DataFrame(columns=list(COLUMNS))


def decide(differences: pd.DataFrame, higher_is_better: bool) -> pd.DataFrame:
    """Add `p_holm`, and `better` (the name of the better one, or empty), to the differences of all pairs in one metric.

    Args:
        differences: columns `first`, `second`, `low`, `high` and `p`.
    """
    p = holm(differences["p"].to_numpy(float))
    low, high = (np.sign(differences[end].to_numpy(float)) for end in ("low", "high"))
    decided = (low == high) & (low != 0) & ~(p >= LEVEL)
    first_is_better = (low > 0) == higher_is_better
    better = np.where(first_is_better, differences["first"], differences["second"])
    return differences.assign(p_holm=p, better=np.where(decided, better, ""))


def holm(p: Values) -> Values:
    """Correct p values by Holm's step-down method; NaN (a pair without a test) does not count and stays NaN."""
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def paired_difference(first: Values, second: Values) -> dict[str, Any]:
    """Compare two systems' figures of the same clips, both (clips,).

    Two infinite figures of a clip, both exact copies, count as equal.

    Returns:
        `clips`, `difference` (mean of first minus second), `low` and `high` (95 % interval), and `p` of the signed-rank
        test.
    """
    from scipy.stats import wilcoxon

    with np.errstate(invalid="ignore"):
        by_clip = np.where(first == second, 0.0, first - second)
        low, high = bootstrap_interval(by_clip)
        mean = float(by_clip.mean())
    p = float(wilcoxon(by_clip, zero_method="pratt").pvalue) if by_clip.any() else 1.0
    return {"clips": len(by_clip), "difference": mean, "low": low, "high": high, "p": p}


def _compare_clips(name: str, first: MeasuredRun, second: MeasuredRun) -> dict[str, Any] | None:
    """Compare a paired metric on the common clips; None where there are none."""
    first_values, second_values = first.values(name), second.values(name)
    common = sorted(first_values.keys() & second_values.keys())
    if not common:
        return None
    values = [np.array([by_clip[id] for id in common]) for by_clip in (first_values, second_values)]
    first_array, second_array = map(np.abs, values) if metric(name).zero_is_best else values
    return paired_difference(first_array, second_array)


def _compare_distances(name: str, first: MeasuredRun, second: MeasuredRun) -> dict[str, Any] | None:
    """Compare a distance of sets; None where it was not measured, was not resampled, or is over different clips."""
    a, b = first.set_figure(name), second.set_figure(name)
    if a.value is None or b.value is None:
        return None
    clips, other_clips = (_embedded_clips(frechet_name(name), run) for run in (first, second))
    if not a.resampled or not b.resampled or clips != other_clips:
        return None
    difference = a.value - b.value
    resampled = np.array(a.resampled) - np.array(b.resampled)
    low, high = resampled_interval(resampled, difference)
    return {"clips": len(clips), "difference": difference, "low": low, "high": high, "p": np.nan}


def _embedded_clips(name: str, run: MeasuredRun) -> set[str]:
    """Ids of the clips that a Fréchet distance of this run, and the kernel distance with it, is over."""
    return {row.id for row in run.measured if has_vectors(row, name)}


def _order(name: str) -> tuple[bool, str]:
    return name not in PAIRED, name
