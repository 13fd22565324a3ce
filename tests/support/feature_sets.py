"""Feature sets that a small network learns in a few epochs."""

from __future__ import annotations

import numpy as np

from m2l_bench.probing.targets import Part


def parts(
    train: int = 300, other: int = 120, dim: int = 20, classes: int = 4, multilabel: bool = False, noise: float = 1.5
) -> tuple[Part, Part, Part]:
    """Training, validation and test set: a centre a class in noise, or tags that are signs of mixtures."""
    rng = np.random.default_rng(0)
    items = train + 2 * other
    if multilabel:
        features = rng.standard_normal((items, dim)).astype(np.float32)
        mixed = features @ rng.standard_normal((dim, classes)) + noise * rng.standard_normal((items, classes))
        labels = (mixed > 1).astype(np.int64)
    else:
        labels = rng.integers(0, classes, items)
        centres = rng.standard_normal((classes, dim))
        features = (centres[labels] + noise * rng.standard_normal((items, dim))).astype(np.float32)
    edges = ((0, train), (train, train + other), (train + other, items))
    first, second, third = (Part(features, np.arange(*edge), labels[slice(*edge)], classes) for edge in edges)
    return first, second, third
