"""Kernel audio distance (Chung et al., "KAD: No More FAD! An Effective and Efficient Evaluation Metric for Audio
Generation", arXiv:2502.15602, 2025): the squared maximum mean discrepancy of two sets of vectors.

It is 100 times the unbiased estimate of Gretton et al. 2012 with a Gaussian kernel, whose width is the median distance
between vectors of the reference. It is about zero for two samples of one distribution, sometimes slightly negative, and
lower is better. Unlike a Fréchet distance it needs no covariance, assumes no shape of the distributions, and is not
biased in small sets.

Of originals and their own reconstructions, a vector is never compared with its own reconstruction, as in the estimate
that Gretton et al. give for pairs (their Lemma 6). That comparison would lower the distance by up to 200 / (n - 1) for
n vectors. So the distance of exact copies is zero.

For an interval, clips are drawn again and again. The kernel of each pair of vectors is computed only once: the distance
of each draw is a weighted sum of the same numbers. Of sets of more than 10,000 vectors a random sample is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics.frechet import Frames
from m2l_bench.metrics.frechet_resampling import Counts
from m2l_bench.metrics.vector_samples import (
    ClipIndices,
    Vectors,
    check_dimensions,
    distance_blocks,
    sample_vectors,
    squared_distances,
)

SCALE = 100.0
"""Factor of the squared discrepancy."""
WIDTH_FRAMES = 2_000
"""Number of vectors of the reference whose distances give the kernel's width."""

Sums = NDArray[np.float64]
"""A number for each draw, (draws,)."""


@dataclass(frozen=True)
class _Set:
    """The vectors of a set, the clip of each, and how often each clip counts in each draw."""

    vectors: Vectors
    clips: ClipIndices
    frames: NDArray[np.int64]
    """Place of each vector in its clip."""
    counts: Counts

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """How often each vector counts, (draws, vectors)."""
        return self.counts[:, self.clips].astype(np.float64)

    @cached_property
    def sizes(self) -> Sums:
        """Number of vectors in each draw."""
        sizes: Sums = self.weights.sum(axis=1)
        return sizes


def kernel_audio_distance(
    reference: Sequence[Frames], evaluated: Sequence[Frames], *, paired: bool = False, seed: int = 0
) -> float:
    """Compute the distance of two sets of clips, each clip (frames, dim).

    Args:
        paired: whether both sets hold the same clips in the same order.
        seed: decides the samples of large sets.

    Raises:
        ValueError: as in `kernel_audio_distances`.
    """
    reference_counts, evaluated_counts = (np.ones((1, len(clips)), np.int64) for clips in (reference, evaluated))
    distances = kernel_audio_distances(
        reference, evaluated, reference_counts, evaluated_counts, paired=paired, seed=seed
    )
    return float(distances[0])


def kernel_audio_distances(
    reference: Sequence[Frames],
    evaluated: Sequence[Frames],
    reference_counts: Counts,
    evaluated_counts: Counts,
    *,
    paired: bool,
    seed: int = 0,
) -> Sums:
    """Compute the distance for each draw of clips, (draws,).

    A clip that is drawn twice counts like two clips with equal vectors.

    Args:
        reference_counts: how often each clip of the reference is drawn, (draws, clips).
        evaluated_counts: how often each clip of the evaluated set is drawn, (draws, clips).
        paired: whether both sets hold the same clips in the same order, which are drawn together.
        seed: decides the samples of large sets.

    Raises:
        ValueError: there are fewer than two vectors in a draw of a set, the dimensions differ, vectors hold NaN or
            infinity, or most vectors of the reference are equal.
    """
    rng = np.random.default_rng(seed)
    x = _Set(*sample_vectors(reference, rng), reference_counts)
    width_vectors = x.vectors[rng.permutation(len(x.vectors))[:WIDTH_FRAMES]]
    y = _Set(*sample_vectors(evaluated, rng), evaluated_counts)
    check_dimensions(x.vectors, y.vectors)
    if min(x.sizes.min(), y.sizes.min()) < 2:
        raise ValueError("two vectors needed in each set")
    gamma = 1 / (2 * _median_distance(width_vectors) ** 2)
    within = [(_kernel_sums(z, z, gamma) - z.sizes) / (z.sizes * (z.sizes - 1)) for z in (x, y)]
    across, pairs = _kernel_sums(x, y, gamma), x.sizes * y.sizes
    if paired:
        own, own_pairs = _own_sums(x, y, gamma)
        across, pairs = across - own, pairs - own_pairs
    return SCALE * (within[0] + within[1] - 2 * across / pairs)


def _median_distance(x: Vectors) -> float:
    square = float(np.median(squared_distances(x, x)[np.triu_indices(len(x), k=1)]))
    if square == 0.0:
        raise ValueError("most vectors of the reference are equal: the kernel has no width")
    return math.sqrt(square)


def _kernel_sums(x: _Set, y: _Set, gamma: float) -> Sums:
    """Sum the kernel over all pairs of a vector of x and a vector of y, for each draw."""
    clips, first_vectors = np.unique(y.clips, return_index=True)
    counts = y.counts[:, clips]
    sums = np.zeros(len(counts))
    for rows, squares in distance_blocks(x.vectors, y.vectors):
        by_clip = np.add.reduceat(np.exp(-gamma * squares), first_vectors, axis=1)
        sums += ((x.weights[:, rows] @ by_clip) * counts).sum(axis=1)
    return sums


def _own_sums(x: _Set, y: _Set, gamma: float) -> tuple[Sums, Sums]:
    """Sum the kernel over the pairs of a vector and its own reconstruction, and count these pairs, for each draw."""
    longest = max(x.frames.max(), y.frames.max()) + 1
    _, of_x, of_y = np.intersect1d(
        x.clips * longest + x.frames, y.clips * longest + y.frames, assume_unique=True, return_indices=True
    )
    squares = ((x.vectors[of_x] - y.vectors[of_y]) ** 2).sum(axis=1)
    weights = x.weights[:, of_x]
    return weights @ np.exp(-gamma * squares), weights.sum(axis=1)
