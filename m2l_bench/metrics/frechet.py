"""Fréchet distance between two sets of vectors, each taken for a Gaussian (Dowson and Landau 1982; as FAD: Kilgour et
al., "Fréchet Audio Distance: A Reference-Free Metric for Evaluating Music Enhancement Algorithms", Interspeech 2019).

From 0 (equal means and covariances), lower is better; its unit is the square of the vectors' own. It is biased upward
when vectors are few: `frechet_resampling.extrapolated_distance` removes that.

A set is a sequence of clips, each an array (frames, dim). Nothing here holds more than a few thousand frames at once.
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


@dataclass(frozen=True)
class GaussianStatistics:
    """Mean (dim,) and covariance (dim, dim) of a set, in float64.

    Args:
        frames: vectors they were taken from; None where that is not known.
    """

    mean: Matrix
    covariance: Matrix
    frames: int | None = None

    @property
    def dim(self) -> int:
        return len(self.mean)

    @cached_property
    def root(self) -> Matrix:
        """L (dim, rank) with covariance = L L^T, of as many columns as the covariance has rank.

        Raises:
            ValueError: the covariance is not positive semidefinite.
        """
        return _root(self.covariance)


def statistics(clips: Iterable[Frames]) -> GaussianStatistics:
    """Mean and covariance (divided by frames - 1) of all vectors, in one pass and constant memory.

    Raises:
        ValueError: fewer than two vectors, vectors of different widths, or NaN or infinity among them.
    """
    count = 0
    total, products, shift = np.zeros(0), np.zeros((0, 0)), np.zeros(0)
    for block in _blocks(clips):
        values = block.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinite values among the vectors")
        if count == 0:
            # Sums of squares far from zero lose digits: everything is counted from a point inside the set.
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
    """Statistics from the number, sum and sum of outer products of vectors counted from `shift`."""
    mean = total / count
    covariance = (products - count * np.outer(mean, mean)) / (count - 1)
    return GaussianStatistics(shift + mean, (covariance + covariance.T) / 2, round(count))


def frechet_distance(first: GaussianStatistics, second: GaussianStatistics) -> float:
    """|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1^1/2 C2 C1^1/2)^1/2).

    With C1 = L1 L1^T and C2 = L2 L2^T the last trace is the sum of the singular values of L1^T L2. They come without
    the square root of a nearly singular matrix, so nothing is lost where a covariance lacks rank.

    Raises:
        ValueError: different dimensions, or a covariance that is not positive semidefinite.
    """
    if first.dim != second.dim:
        raise ValueError(f"vectors of {first.dim} and of {second.dim} numbers cannot be compared")
    return _distance(first, second.mean, float(np.trace(second.covariance)), second.root)


def clip_distance(reference: GaussianStatistics, clip: Frames) -> float:
    """Distance of one clip's own mean and covariance to the reference.

    A clip of one vector is a point: its covariance is zero.

    Raises:
        ValueError: as `frechet_distance`.
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
    # Rounding can leave a distance of zero slightly negative.
    return max(0.0, float(difference @ difference + np.trace(first.covariance) + trace - 2 * overlap))


def _root(covariance: Matrix) -> Matrix:
    from scipy.linalg.lapack import dpstrf

    scale = float(np.abs(covariance).max(initial=0.0))
    if scale == 0.0:
        return np.zeros((len(covariance), 0))
    factor, pivots, rank, _ = dpstrf(covariance, lower=1)
    root = np.zeros((len(covariance), rank))
    root[pivots - 1] = np.tril(factor[:, :rank])
    # The factorisation ends at the first pivot that is not positive. That nothing is left then shows in a few products
    # with random vectors, which cost nothing beside it.
    probes = np.random.default_rng(0).standard_normal((len(covariance), 4))
    if np.abs(root @ (root.T @ probes) - covariance @ probes).max() > 1e-6 * scale * len(covariance):
        raise ValueError("the covariance is not positive semidefinite")
    return root


def _blocks(clips: Iterable[Frames]) -> Iterator[Frames]:
    """The vectors of many clips in blocks large enough to multiply fast."""
    waiting: list[Frames] = []
    frames = 0
    for clip in clips:
        for start in range(0, len(clip), BLOCK_FRAMES):
            part = clip[start : start + BLOCK_FRAMES]
            if waiting and part.shape[1:] != waiting[0].shape[1:]:
                raise ValueError(f"vectors of {waiting[0].shape[1]} and of {part.shape[1]} numbers in one set")
            waiting.append(part)
            frames += len(part)
            if frames >= BLOCK_FRAMES:
                yield np.concatenate(waiting)
                waiting, frames = [], 0
    if waiting:
        yield np.concatenate(waiting)
