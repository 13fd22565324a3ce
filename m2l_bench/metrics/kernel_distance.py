"""Kernel audio distance (Chung et al., "KAD: No More FAD! An Effective and Efficient Evaluation Metric for Audio
Generation", arXiv:2502.15602, 2025): the squared maximum mean discrepancy of two sets of vectors.

It is 100 times the unbiased estimate of Gretton et al. 2012 with a Gaussian kernel, whose width is the median distance
between vectors of the reference. It is about zero for two samples of one distribution, sometimes slightly negative, and
lower is better. Unlike a Fréchet distance it is not biased in small sets and assumes no shape of the distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics.frechet import Frames

SCALE = 100.0
"""Factor of the squared discrepancy."""
MAXIMUM_FRAMES = 10_000
"""Size of the random sample that is used of larger sets, which bounds the cost; the estimate stays unbiased."""
WIDTH_FRAMES = 2_000
"""Number of vectors of the reference whose distances give the kernel's width."""
BLOCK = 256
"""Rows of the kernel matrix that are in memory at once."""
ROUNDING = 1e-10
"""A squared distance below this part of a vector's squared length is what rounding leaves of equal vectors."""

Vectors = NDArray[np.float64]


def kernel_audio_distance(reference: Sequence[Frames], evaluated: Sequence[Frames], seed: int = 0) -> float:
    """Compute the distance of two sets of clips, each clip (frames, dim).

    Args:
        seed: decides the samples of large sets.

    Raises:
        ValueError: a set has fewer than two vectors, the dimensions differ, or most vectors of the reference are equal.
    """
    rng = np.random.default_rng(seed)
    x, y = _sample(reference, rng), _sample(evaluated, rng)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"vectors of {x.shape[1]} and of {y.shape[1]} numbers cannot be compared")
    if min(len(x), len(y)) < 2:
        raise ValueError("two vectors needed in each set")
    gamma = 1 / (2 * _median_distance(x[:WIDTH_FRAMES]) ** 2)
    within = [(_kernel_sum(z, z, gamma) - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return SCALE * (sum(within) - 2 * _kernel_sum(x, y, gamma) / (len(x) * len(y)))


def _sample(clips: Sequence[Frames], rng: np.random.Generator) -> Vectors:
    """Take all vectors, or a uniform sample of them, in random order; one clip at a time is in memory."""
    lengths = np.array([len(clip) for clip in clips])
    indices = np.sort(rng.permutation(int(lengths.sum()))[:MAXIMUM_FRAMES])
    ends = np.cumsum(lengths)
    parts = []
    for clip, start, end in zip(clips, ends - lengths, ends, strict=True):
        first, last = np.searchsorted(indices, (start, end))
        if last > first:
            parts.append(clip[indices[first:last] - start].astype(np.float64))
    return rng.permutation(np.concatenate(parts))


def _median_distance(x: Vectors) -> float:
    square = float(np.median(_squared_distances(x, x)[np.triu_indices(len(x), k=1)]))
    if square <= ROUNDING * (x**2).sum(axis=1).mean():
        raise ValueError("most vectors of the reference are equal: the kernel has no width")
    return math.sqrt(square)


def _kernel_sum(x: Vectors, y: Vectors, gamma: float) -> float:
    blocks = (x[start : start + BLOCK] for start in range(0, len(x), BLOCK))
    return sum(float(np.exp(-gamma * _squared_distances(block, y)).sum()) for block in blocks)


def _squared_distances(x: Vectors, y: Vectors) -> Vectors:
    squares: Vectors = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * (x @ y.T)
    return squares.clip(min=0.0)
