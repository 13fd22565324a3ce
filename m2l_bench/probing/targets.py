"""Features and labels of a part of a dataset, in the form a classifier takes; and parts of a training set."""

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
"""(items,) number of the class; or (items, tags) zeros and ones."""

FRACTION_SEED = 0


@dataclass(frozen=True)
class Part:
    """Some clips of a dataset: rows of its feature matrix, which is read a batch at a time."""

    features: NDArray[np.float32]
    """(clips, dim) of the whole dataset, mapped from disk."""
    rows: NDArray[np.int64]
    labels: Labels
    """Of these rows."""
    classes: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def multilabel(self) -> bool:
        return self.labels.ndim == 2

    def batches(self, size: int, order: NDArray[np.int64] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Features (batch, dim) and labels, in `order`; the last batch may be smaller."""
        import torch

        order = np.arange(len(self)) if order is None else order
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            labels = torch.from_numpy(self.labels[chosen])
            yield (
                torch.from_numpy(np.asarray(self.features[self.rows[chosen]], np.float32)),
                labels.float() if self.multilabel else labels,
            )

    def whole(self) -> NDArray[np.float32]:
        """All features of the part, in memory: (items, dim)."""
        return np.asarray(self.features[self.rows], np.float32)


def encode(clips: Sequence[LabelledClip], classes: Sequence[str], multilabel: bool) -> Labels:
    """Labels of clips as numbers."""
    number = {label: i for i, label in enumerate(classes)}
    if not multilabel:
        return np.array([number[clip.labels[0]] for clip in clips], np.int64)
    labels = np.zeros((len(clips), len(classes)), np.int64)
    for row, clip in zip(labels, clips, strict=True):
        row[[number[label] for label in clip.labels]] = 1
    return labels


def subset(labels: Labels, fraction: float, seed: int = FRACTION_SEED) -> NDArray[np.int64]:
    """Positions of a random part of a training set, sorted; smaller fractions are parts of larger ones.

    Of each class the fraction is taken, rounded up, so that none is empty; of clips with tags simply the fraction.

    Raises:
        ValueError: a fraction that is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction lies above 0 and is at most 1, not {fraction:g}")
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    groups = [shuffled] if labels.ndim == 2 else [shuffled[labels[shuffled] == one] for one in np.unique(labels)]
    return np.sort(np.concatenate([group[: math.ceil(fraction * len(group) - 1e-9)] for group in groups]))
