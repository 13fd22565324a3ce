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
    """Difference of two models in a metric, first minus second, from -1 to 1."""

    difference: float
    low: float
    high: float
    """95 % bootstrap interval over test clips."""
    p: float
    """p value of a two-sided bootstrap test."""
    clips: int
    """Number of test clips that both models have features of."""


def paired_difference(name: str, first: ProbeRun, second: ProbeRun) -> Difference | None:
    """Compare two models on their common test clips: difference, 95 % interval, and a two-sided bootstrap p.

    Clips that only one of them has features of are left out. Returns None where they have no common clips.
    """
    first_ids, second_ids = ([item.id for item in run.items.items] for run in (first, second))
    if first_ids == second_ids:
        common = first_ids
        figures = [run.results.metrics[name] for run in (first, second)]
        means = [figure.mean for figure in figures]
        resampled_means = [np.array(figure.resampled, float) for figure in figures]
    else:
        common = [id for id in first_ids if id in set(second_ids)]
        if not common:
            return None
        means, resampled_means = [], []
        for run, ids in ((first, first_ids), (second, second_ids)):
            row_of_id = {id: i for i, id in enumerate(ids)}
            rows = [row_of_id[id] for id in common]
            truth, scores = _truth(run, rows), run.scores[:, rows]
            means.append(float(np.mean([METRICS[name].measure(truth, seed) for seed in scores])))
            resampled_means.append(resampled(name, truth, scores))
    difference = means[0] - means[1]
    differences = resampled_means[0] - resampled_means[1]
    differences = centred(differences[np.isfinite(differences)], difference)
    low, high = interval(differences, difference)
    opposite = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (opposite + 1) / (len(differences) + 1))
    return Difference(difference, low, high, p, len(common))


def _truth(run: ProbeRun, rows: Sequence[int]) -> Truth:
    """Labels of some of the run's test clips, in the form that metrics take."""
    classes = run.items.classes
    number = {label: i for i, label in enumerate(classes)}
    label_numbers = [[number[label] for label in run.items.items[row].labels] for row in rows]
    if not run.items.multilabel:
        return Truth(tuple(classes), np.array([numbers[0] for numbers in label_numbers], np.int64))
    table = np.zeros((len(rows), len(classes)), np.int64)
    for tags, numbers in zip(table, label_numbers, strict=True):
        tags[numbers] = 1
    return Truth(tuple(classes), table)
