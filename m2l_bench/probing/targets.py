"""Features and labels of a part of a dataset, in the form that a classifier takes, and subsets of a training set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from m2l_bench.datasets.labelled import LabelledClip

if TYPE_CHECKING:
    from torch import Tensor

Labels = NDArray[np.int64]
"""Numbers of the classes, (items,), or zeros and ones of the tags, (items, tags)."""

FRACTION_SEED = 0


@dataclass(frozen=True)
class Part:
    """Some clips of a dataset: rows of its feature matrix, which is read a batch at a time."""

    features: NDArray[np.float32]
    """Features of the whole dataset, (clips, dim), memory-mapped."""
    rows: NDArray[np.int64]
    """Rows of `features` that belong to this part, (items,)."""
    labels: Labels
    """Labels of these rows."""
    classes: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def multilabel(self) -> bool:
        return self.labels.ndim == 2

    def batches(self, size: int, order: NDArray[np.int64] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield features (batch, dim) and labels, in `order`; the last batch may be smaller."""
        import torch

        order = np.arange(len(self)) if order is None else order
        for first in range(0, len(order), size):
            positions = order[first : first + size]
            labels = torch.from_numpy(self.labels[positions])
            yield (
                torch.from_numpy(np.asarray(self.features[self.rows[positions]], np.float32)),
                labels.float() if self.multilabel else labels,
            )

    def whole(self) -> NDArray[np.float32]:
        """Load all features of the part, (items, dim)."""
        return np.asarray(self.features[self.rows], np.float32)


def encode(clips: Sequence[LabelledClip], classes: Sequence[str], multilabel: bool) -> Labels:
    """Convert the labels of clips to numbers."""
    number = {label: i for i, label in enumerate(classes)}
    if not multilabel:
        return np.array([number[clip.labels[0]] for clip in clips], np.int64)
    labels = np.zeros((len(clips), len(classes)), np.int64)
    for row, clip in zip(labels, clips, strict=True):
        row[[number[label] for label in clip.labels]] = 1
    return labels


def subset(labels: Labels, fraction: float, seed: int = FRACTION_SEED) -> NDArray[np.int64]:
    """Choose a random subset of a training set; a smaller fraction gives a subset of a larger one.

    The fraction is taken of each class and rounded up, so that no class is empty; of clips with tags it is taken of all
    clips.

    Returns:
        positions of the clips, sorted.

    Raises:
        ValueError: the fraction is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction is above 0 and at most 1, not {fraction:g}")
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    groups = [shuffled] if labels.ndim == 2 else [shuffled[labels[shuffled] == label] for label in np.unique(labels)]
    return np.sort(np.concatenate([group[: math.ceil(fraction * len(group) - 1e-9)] for group in groups]))
