"""Scores of a probe -> its results: metrics of each seed, their spread, and how far the test clips decide them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics import classification
from m2l_bench.metrics.classification import METRICS, Scores, Truth
from m2l_bench.metrics.classification_resampling import draw
from m2l_bench.runs.probe import ProbeRun

RESAMPLES = 1000
RESAMPLING_SEED = 0

Values = NDArray[np.float64]


def measure(metrics: Sequence[str], truth: Truth, scores: Scores) -> dict[str, dict[str, Any]]:
    """Each metric of scores (seeds, items, classes).

    The mean over seeds with their standard deviation says how far training decides; the 95 % bootstrap interval of that
    mean over test items how far the clips do: see `interval`.
    """
    return {name: _measure(name, truth, scores) for name in metrics}


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


def paired_difference(name: str, first: ProbeRun, second: ProbeRun) -> dict[str, Any] | None:
    """Of two models on the same test clips: first minus second, its 95 % interval, and a two-sided bootstrap p.

    Clips that only one of them has features of are left out. None where they share no clips.
    """
    one, other = ([item["id"] for item in run.items["items"]] for run in (first, second))
    if one == other:
        figures = [run.results["metrics"][name] for run in (first, second)]
        means = [figure["mean"] for figure in figures]
        drawn = [np.array(figure["resampled"], float) for figure in figures]
    else:
        common = [id for id in one if id in set(other)]
        if not common:
            return None
        means, drawn = [], []
        for run, ids in ((first, one), (second, other)):
            where = {id: i for i, id in enumerate(ids)}
            rows = [where[id] for id in common]
            truth, scores = _truth(run, rows), run.scores[:, rows]
            means.append(float(np.mean([METRICS[name].measure(truth, seed) for seed in scores])))
            drawn.append(resampled(name, truth, scores))
        one = common
    difference = means[0] - means[1]
    differences = drawn[0] - drawn[1]
    differences = centred(differences[np.isfinite(differences)], difference)
    low, high = interval(differences, difference)
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "p": min(1.0, 2 * (beyond + 1) / (len(differences) + 1)),
        "clips": len(one),
    }


def _measure(name: str, truth: Truth, scores: Scores) -> dict[str, Any]:
    seeds = [METRICS[name].measure(truth, one) for one in scores]
    drawn = resampled(name, truth, scores)
    mean = float(np.mean(seeds))
    low, high = interval(drawn, mean)
    return {
        "mean": mean,
        "std": float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None,
        "seeds": [round(value, 6) for value in seeds],
        "low": max(0.0, low),
        "high": min(1.0, high),
        "resampled": [None if np.isnan(value) else round(float(value), 6) for value in drawn],
    }


def _truth(run: ProbeRun, rows: Sequence[int]) -> Truth:
    classes = run.items["classes"]
    number = {label: i for i, label in enumerate(classes)}
    chosen = [[number[label] for label in run.items["items"][row]["labels"]] for row in rows]
    if not run.items["multilabel"]:
        return Truth(tuple(classes), np.array([labels[0] for labels in chosen], np.int64))
    table = np.zeros((len(rows), len(classes)), np.int64)
    for line, labels in zip(table, chosen, strict=True):
        line[labels] = 1
    return Truth(tuple(classes), table)
