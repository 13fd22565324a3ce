"""Scores of tracks from the scores of their clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-9
"""Lowest probability: nearest neighbours give zeros, whose logarithm is not finite."""


def group_scores(scores: NDArray[np.float32], groups: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
    """Average the scores of the clips of each group.

    The mean is that of the logarithms, so the highest class is the one with the highest mean of the network's logits,
    as in MARBLE's test of keys.

    Args:
        scores: probabilities of classes that exclude each other, (seeds, clips, classes).
        groups: the group of each clip.

    Returns:
        probabilities (seeds, groups, classes), in the order in which the groups first appear, and the position of the
        first clip of each group.
    """
    first: dict[str, int] = {}
    for i, group in enumerate(groups):
        first.setdefault(group, i)
    number = {group: i for i, group in enumerate(first)}
    rows = np.array([number[group] for group in groups])
    logs = np.log(np.maximum(scores, SMALLEST))
    means = np.stack([logs[:, rows == i].mean(axis=1) for i in range(len(first))], axis=1)
    powers = np.exp(means - means.max(axis=2, keepdims=True))
    return (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32), list(first.values())
