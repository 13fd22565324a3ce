"""Vectors of a whole set in one array, for figures that compare every vector with every other one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics.frechet import Frames

Vectors = NDArray[np.float64]
"""(vectors, dim)."""
ClipIndices = NDArray[np.int64]
"""Number of the clip that each vector belongs to, (vectors,), in ascending order."""

MAXIMUM_FRAMES = 10_000
"""Size of the random sample that is used of larger sets, which bounds the cost."""
BLOCK = 256
"""Rows of a matrix of distances that are in memory at once."""
ROUNDING = 1e-10
"""A squared distance below this part of a vector's squared length is what rounding leaves of equal vectors."""


def sample_vectors(clips: Sequence[Frames], rng: np.random.Generator) -> tuple[Vectors, ClipIndices, NDArray[np.int64]]:
    """Take all vectors of a set, or a uniform sample of them, in the order of the clips.

    One clip at a time is in memory.

    Args:
        clips: vectors of each clip, (frames, dim).
        rng: decides the sample of a large set.

    Returns:
        the vectors, the clip of each, and its place in the clip.

    Raises:
        ValueError: there are no vectors, their widths differ, or they hold NaN or infinity.
    """
    lengths = np.array([len(clip) for clip in clips], np.int64)
    if not lengths.sum():
        raise ValueError("no vectors in a set")
    indices = np.sort(rng.permutation(int(lengths.sum()))[:MAXIMUM_FRAMES])
    ends = np.cumsum(lengths)
    parts: list[Vectors] = []
    for clip, start, end in zip(clips, ends - lengths, ends, strict=True):
        first, last = np.searchsorted(indices, (start, end))
        if last > first:
            part = clip[indices[first:last] - start].astype(np.float64)
            if parts and part.shape[1:] != parts[0].shape[1:]:
                raise ValueError(f"vectors of {parts[0].shape[1]} and of {part.shape[1]} numbers in one set")
            parts.append(part)
    vectors = np.concatenate(parts)
    if not np.isfinite(vectors).all():
        raise ValueError("NaN or infinite values among the vectors")
    clip_indices = np.searchsorted(ends, indices, side="right")
    return vectors, clip_indices, indices - (ends - lengths)[clip_indices]


def check_dimensions(x: Vectors, y: Vectors) -> None:
    """Check that two sets can be compared.

    Raises:
        ValueError: their vectors have different widths.
    """
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"vectors of {x.shape[1]} and of {y.shape[1]} numbers cannot be compared")


def distance_blocks(x: Vectors, y: Vectors) -> Iterator[tuple[slice, Vectors]]:
    """Yield the squared distances of blocks of x to all of y, (rows, vectors of y), with the rows of each block."""
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, squared_distances(x[rows], y)


def squared_distances(x: Vectors, y: Vectors) -> Vectors:
    """Compute the squared distances of each of x to each of y, (vectors of x, vectors of y).

    What rounding leaves of equal vectors is zero.
    """
    squared_lengths = (x**2).sum(axis=1)[:, None]
    squares: Vectors = squared_lengths + (y**2).sum(axis=1) - 2 * (x @ y.T)
    return np.where(squares > ROUNDING * squared_lengths, squares, 0.0)
