"""Uncertainty of a Fréchet distance: an interval over clips, and the distance extrapolated to infinitely many clips.

Whole clips are drawn because the vectors of one clip resemble each other. Where the two sets hold the same clips
(originals and reconstructions), a clip is drawn from both sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics.frechet import Frames, GaussianStatistics, Matrix, frechet_distance, from_sums, statistics

Reference = Sequence[Frames] | GaussianStatistics
"""Clips; or only their statistics, which are not resampled, where the clips are not available."""
Counts = NDArray[np.int64]
"""How often each clip is drawn, (resamples, clips)."""

RESAMPLES = 200
"""Number of resamples for an interval."""
SIZES, DRAWS = 10, 10
"""Numbers for the extrapolation: sizes of subsets, from half of the clips to all of them, and subsets of each size."""
MINIMUM_CLIPS = 8
"""Number of clips below which there is no interval and no extrapolation."""
SUMS_BYTES, BLOCK_BYTES = 128_000_000, 16_000_000
"""Most bytes of the sums of resampled sets, and of the products of clips, that are in memory at once."""


def resampled_distances(reference: Reference, evaluated: Sequence[Frames], *, paired: bool, seed: int = 0) -> Matrix:
    """Compute the distance on clips drawn with replacement, (RESAMPLES,); empty for fewer than eight clips.

    Equal seeds draw equal clips from sets of equal size, so differences of two systems on the same clips are paired.

    Args:
        paired: whether both sets hold the same clips in the same order.
    """
    if isinstance(reference, GaussianStatistics):
        counts, _ = draw_clips(len(evaluated), None, seed)
        references: Iterable[GaussianStatistics] = repeat(reference)
    else:
        counts, reference_counts = draw_clips(len(evaluated), None if paired else len(reference), seed)
        references = _resampled(reference, reference_counts)
    return _distances(references, _resampled(evaluated, counts))


def draw_clips(clips: int, reference_clips: int | None, seed: int = 0) -> tuple[Counts, Counts]:
    """Draw clips with replacement: how often each is drawn from the evaluated set, and from the reference.

    Both have one row for each of `RESAMPLES`, or none for fewer than eight clips.

    Args:
        clips: number of clips in the evaluated set.
        reference_clips: number of clips in the reference; None: it holds the same clips, which are drawn together.
    """
    if clips < MINIMUM_CLIPS:
        return np.empty((0, clips), np.int64), np.empty((0, reference_clips or clips), np.int64)
    rng = np.random.default_rng(seed)
    counts = _draw_with_replacement(rng, clips)
    return counts, counts if reference_clips is None else _draw_with_replacement(rng, reference_clips)


def bootstrap_interval(resampled: Matrix, measured: float) -> tuple[float, float]:
    """Compute the 95 % interval over clips of a distance, or of a difference of two; NaN without resamples.

    Drawing clips with replacement repeats some of them, which by itself changes a distance. Therefore the percentiles
    are taken relative to the mean of the resampled values and added to the measured value. The interval shows how much
    the distance depends on the choice of clips, but not the bias of a small set.

    Args:
        resampled: the values on the resamples.
        measured: the value on all clips.
    """
    if not len(resampled):
        return float("nan"), float("nan")
    low, high = np.percentile(resampled, [2.5, 97.5]) - resampled.mean() + measured
    return float(low), float(high)


def extrapolated_distance(reference: Reference, evaluated: Sequence[Frames], *, paired: bool, seed: int = 0) -> float:
    """Extrapolate the distance to infinitely many clips: the intercept of a line through distances against 1 / size.

    The line is fitted to distances of subsets of the clips. An unpaired reference is used as a whole. The result can be
    slightly negative where the distance is near zero. It is NaN for fewer than eight clips, or where half of them hold
    no more vectors than dimensions, because the relation is not linear there.

    Sources: Chong and Forsyth, "Effectively Unbiased FID and Inception Score and where to find them", CVPR 2020; for
    audio Gui et al., "Adapting Frechet Audio Distance for Generative Music Evaluation", ICASSP 2024.

    Args:
        paired: whether both sets hold the same clips in the same order.
    """
    clips = len(evaluated)
    frames = sum(len(clip) for clip in evaluated)
    if clips < MINIMUM_CLIPS or frames // 2 <= evaluated[0].shape[1]:
        return float("nan")
    rng = np.random.default_rng(seed)
    sizes = np.linspace(clips // 2, clips, SIZES).round().astype(int).repeat(DRAWS)
    counts = np.zeros((len(sizes), clips), np.int64)
    for row, size in zip(counts, sizes, strict=True):
        row[rng.permutation(clips)[:size]] = 1
    if paired and not isinstance(reference, GaussianStatistics):
        references: Iterable[GaussianStatistics] = _resampled(reference, counts)
    else:
        references = repeat(_statistics(reference))
    distances = _distances(references, _resampled(evaluated, counts))
    return float(np.polyfit(1 / sizes, distances, 1)[1])


def _statistics(reference: Reference) -> GaussianStatistics:
    return reference if isinstance(reference, GaussianStatistics) else statistics(reference)


def _draw_with_replacement(rng: np.random.Generator, clips: int) -> Counts:
    return rng.multinomial(clips, np.full(clips, 1 / clips), size=RESAMPLES)


def _distances(references: Iterable[GaussianStatistics], sets: Iterable[GaussianStatistics]) -> Matrix:
    return np.array([frechet_distance(first, second) for first, second in zip(references, sets, strict=False)])


def _resampled(clips: Sequence[Frames], counts: Counts) -> Iterator[GaussianStatistics]:
    """Yield the statistics for each row of counts, in one pass over the clips for as many rows as memory allows."""
    shift = clips[0].astype(np.float64).mean(axis=0)
    dim = len(shift)
    group, block = (max(1, limit // (8 * dim * dim)) for limit in (SUMS_BYTES, BLOCK_BYTES))
    for first in range(0, len(counts), group):
        rows = counts[first : first + group].astype(np.float64)
        frames = np.zeros(len(rows))
        totals = np.zeros((len(rows), dim))
        products = np.zeros((len(rows), dim * dim))
        for start in range(0, len(clips), block):
            parts = [clip.astype(np.float64) - shift for clip in clips[start : start + block]]
            weights = rows[:, start : start + block]
            frames += weights @ np.array([len(part) for part in parts])
            totals += weights @ np.stack([part.sum(axis=0) for part in parts])
            products += weights @ np.stack([(part.T @ part).ravel() for part in parts])
        for n, total, product in zip(frames, totals, products, strict=True):
            yield from_sums(n, total, product.reshape(dim, dim), shift)
