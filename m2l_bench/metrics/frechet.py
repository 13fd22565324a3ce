"""Fréchet distance between two sets of vectors, each modelled as a Gaussian (Dowson and Landau 1982; as FAD: Kilgour et
al., "Fréchet Audio Distance: A Reference-Free Metric for Evaluating Music Enhancement Algorithms", Interspeech 2019).

It starts at 0 (equal means and covariances); lower is better. Its unit is the square of the unit of the vectors. It is
biased upward when there are few vectors; `frechet_resampling.extrapolated_distance` removes this bias.

A set is a sequence of clips, each an array (frames, dim). No function holds more than a few thousand frames at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[Any]
"""Vectors of one clip, (frames, dim)."""
Matrix = NDArray[np.float64]

BLOCK_FRAMES = 4096
"""Vectors that are processed at once."""


@dataclass(frozen=True)
class GaussianStatistics:
    """Mean (dim,) and covariance (dim, dim) of a set, in float64.

    Args:
        mean: the mean, (dim,).
        covariance: the covariance, (dim, dim).
        frames: number of vectors in the set; None where it is not known.
    """

    mean: Matrix
    covariance: Matrix
    frames: int | None = None

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return len(self.mean)

    @cached_property
    def root(self) -> Matrix:
        """A matrix L (dim, rank) with covariance = L L^T, where rank is that of the covariance.

        Raises:
            ValueError: the covariance is not positive semidefinite.
        """
        return _root(self.covariance)


def statistics(clips: Iterable[Frames]) -> GaussianStatistics:
    """Compute the mean and the covariance (divided by frames - 1) of all vectors, in one pass and constant memory.

    Raises:
        ValueError: there are fewer than two vectors, their widths differ, or they hold NaN or infinity.
    """
    count = 0
    total, products, shift = np.zeros(0), np.zeros((0, 0)), np.zeros(0)
    for block in _blocks(clips):
        values = block.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinite values among the vectors")
        if count == 0:
            # Sums of squares far from zero lose digits, so vectors are shifted by a point inside the set.
            shift = values.mean(axis=0)
            total, products = np.zeros_like(shift), np.zeros((len(shift), len(shift)))
        values -= shift
        count += len(values)
        total += values.sum(axis=0)
        products += values.T @ values
    if count < 2:
        raise ValueError(f"two vectors needed for a covariance, got {count}")
    return from_sums(count, total, products, shift)


def from_sums(count: float, total: Matrix, products: Matrix, shift: Matrix) -> GaussianStatistics:
    """Compute statistics from sums over vectors of which `shift` was subtracted.

    Args:
        count: number of vectors.
        total: sum of the vectors, (dim,).
        products: sum of the vectors' outer products, (dim, dim).
        shift: the vector that was subtracted, (dim,).
    """
    mean = total / count
    covariance = (products - count * np.outer(mean, mean)) / (count - 1)
    return GaussianStatistics(shift + mean, (covariance + covariance.T) / 2, round(count))


def too_few(frames: int | None, dim: int | None) -> bool:
    """Whether a set has no more vectors than dimensions, too few to know a covariance; False where it is not known."""
    return frames is not None and dim is not None and frames <= dim


def frechet_distance(first: GaussianStatistics, second: GaussianStatistics) -> float:
    """Compute |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1^1/2 C2 C1^1/2)^1/2).

    With C1 = L1 L1^T and C2 = L2 L2^T, the last trace is the sum of the singular values of L1^T L2. This needs no
    square root of a nearly singular matrix, so it is accurate even where a covariance does not have full rank.

    Raises:
        ValueError: the dimensions differ, or a covariance is not positive semidefinite.
    """
    if first.dim != second.dim:
        raise ValueError(f"vectors of {first.dim} and of {second.dim} numbers cannot be compared")
    return _distance(first, second.mean, float(np.trace(second.covariance)), second.root)


def clip_distance(reference: GaussianStatistics, clip: Frames) -> float:
    """Compute the distance of one clip's mean and covariance to the reference.

    A clip of one vector has a covariance of zero.

    Args:
        reference: statistics of the reference.
        clip: vectors of the clip, (frames, dim).

    Raises:
        ValueError: the dimensions differ, or a covariance is not positive semidefinite.
    """
    values = clip.astype(np.float64)
    if values.ndim != 2 or values.shape[1] != reference.dim:
        raise ValueError(f"vectors of {reference.dim} numbers needed, got an array of shape {values.shape}")
    mean = values.mean(axis=0)
    root = (values - mean).T / np.sqrt(max(1, len(values) - 1))
    return _distance(reference, mean, float((root**2).sum()), root)


def _distance(first: GaussianStatistics, mean: Matrix, trace: float, root: Matrix) -> float:
    from scipy.linalg import svdvals

    difference = first.mean - mean
    product = first.root.T @ root
    overlap = float(svdvals(product, check_finite=False).sum()) if product.size else 0.0
    # Rounding can make a distance of zero slightly negative.
    return max(0.0, float(difference @ difference + np.trace(first.covariance) + trace - 2 * overlap))


def _root(covariance: Matrix) -> Matrix:
    from scipy.linalg.lapack import dpstrf

    scale = float(np.abs(covariance).max(initial=0.0))
    if scale == 0.0:
        return np.zeros((len(covariance), 0))
    factor, pivots, rank, _ = dpstrf(covariance, lower=1)
    root = np.zeros((len(covariance), rank))
    root[pivots - 1] = np.tril(factor[:, :rank])
    # The factorisation ends at the first pivot that is not positive. A few products with random vectors, which cost
    # little in comparison, check that nothing is left then.
    probes = np.random.default_rng(0).standard_normal((len(covariance), 4))
    if np.abs(root @ (root.T @ probes) - covariance @ probes).max() > 1e-6 * scale * len(covariance):
        raise ValueError("the covariance is not positive semidefinite")
    return root


def _blocks(clips: Iterable[Frames]) -> Iterator[Frames]:
    """Yield the vectors of many clips in blocks that are large enough for fast products."""
    parts: list[Frames] = []
    frames = 0
    for clip in clips:
        for start in range(0, len(clip), BLOCK_FRAMES):
            part = clip[start : start + BLOCK_FRAMES]
            if parts and part.shape[1:] != parts[0].shape[1:]:
                raise ValueError(f"vectors of {parts[0].shape[1]} and of {part.shape[1]} numbers in one set")
            parts.append(part)
            frames += len(part)
            if frames >= BLOCK_FRAMES:
                yield np.concatenate(parts)
                parts, frames = [], 0
    if parts:
        yield np.concatenate(parts)
