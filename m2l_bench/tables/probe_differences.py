"""Differences between two probed models on the same test clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2l_bench.metrics.classification import METRICS, Truth
from m2l_bench.metrics.probe_scores import centred, interval, resampled
from m2l_bench.runs.probe import ProbeRun


@dataclass(frozen=True)
class Difference:
    """First minus second model in a metric, from -1 to 1."""

    difference: float
    low: float
    high: float
    """95 % bootstrap interval over test clips."""
    p: float
    """Of a two-sided bootstrap test."""
    clips: int
    """Test clips of both."""


def paired_difference(name: str, first: ProbeRun, second: ProbeRun) -> Difference | None:
    """Of two models on the same test clips: first minus second, its 95 % interval, and a two-sided bootstrap p.

    Clips that only one of them has features of are left out. None where they share no clips.
    """
    one, other = ([item.id for item in run.items.items] for run in (first, second))
    if one == other:
        figures = [run.results.metrics[name] for run in (first, second)]
        means = [figure.mean for figure in figures]
        drawn = [np.array(figure.resampled, float) for figure in figures]
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
    p = min(1.0, 2 * (beyond + 1) / (len(differences) + 1))
    return Difference(difference, low, high, p, len(one))


def _truth(run: ProbeRun, rows: Sequence[int]) -> Truth:
    classes = run.items.classes
    number = {label: i for i, label in enumerate(classes)}
    chosen = [[number[label] for label in run.items.items[row].labels] for row in rows]
    if not run.items.multilabel:
        return Truth(tuple(classes), np.array([labels[0] for labels in chosen], np.int64))
    table = np.zeros((len(rows), len(classes)), np.int64)
    for line, labels in zip(table, chosen, strict=True):
        line[labels] = 1
    return Truth(tuple(classes), table)
