"""ViSQOL's search for the piece of the reconstruction that is most similar to each piece of the original.

It gives what `_dp_forward_pass` of visqol-python gives, to the last bit. Neighbouring positions are compared at once
with vector instructions, and what depends on the reconstruction alone is computed once, not for each piece of the
original. Each number goes through the same operations in the same order.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOWEST = -1e308


def forward_pass(
    pieces: Floats,
    patches: Floats,
    starts: NDArray[np.int64],
    count: int,
    frames: int,
    search_window: int,
    weights: Floats,
    c1: float,
    c3: float,
) -> tuple[Floats, NDArray[np.int64]]:
    """Find for each piece and each position the best sum of similarities up to there, and the position before it.

    Args:
        pieces: pieces of the original, (pieces, bands, frames of a piece).
        patches: the pieces of the reconstruction that begin at each frame, (frames, bands, frames of a piece).
        starts: first frame of each piece of the original, ascending.
        count: number of pieces that are searched.
        frames: number of positions.
        search_window: largest distance of a position from the start of the piece.
        weights: weights of the neighbourhood of a point, (3, 3).
        c1, c3: constants of the similarity.
    """
    from visqol.numba_accel import _reference_local_stats

    # One column before the first frame and zeros after the last: a neighbourhood is a slice then.
    spectrogram = np.pad(patches[:, :, 0].T, ((0, 0), (1, pieces.shape[2])))
    means, squares = _local_sums(spectrogram, weights), _local_sums(spectrogram * spectrogram, weights)
    sums, before = np.zeros((len(starts), frames)), np.full((len(starts), frames), -1)
    for number in range(count):
        low, high = max(0, starts[number] - search_window), min(frames - 1, starts[number] + search_window)
        statistics = _reference_local_stats(pieces[number], weights)
        values = _similarities(
            pieces[number], *statistics, spectrogram, means, squares, low, high + 1 - low, weights, c1, c3
        )
        if number > 0:
            first = max(0, starts[number - 1] - search_window)
            best, position = _best_before(sums[number - 1, first : high + 1])
            values += best[low - first :]
            before[number, low : high + 1] = np.where(position < 0, -1, position + first)[low - first :]
            same = sums[number - 1, low : high + 1]
            lost = same > values
            values[lost] = same[lost]
            before[number, low : high + 1][lost] = np.flatnonzero(lost) + low
        sums[number, low : high + 1] = values
    return sums, before


def _best_before(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Find the largest of the values before each, and its position: the last of equal ones, or -1 at the beginning."""
    largest = np.maximum.accumulate(np.concatenate([[LOWEST], values]))
    positions = np.where(values >= largest[:-1], np.arange(len(values)), -1)
    return largest[:-1], np.maximum.accumulate(np.concatenate([[-1], positions]))[:-1]


@njit(cache=True, error_model="numpy")
def _local_sums(values: Floats, weights: Floats) -> Floats:
    """Compute the weighted sums around each point, (three, bands, columns).

    The first has the point itself in place of its left neighbour, as in the first column of a piece; the last has it in
    place of the right one.
    """
    bands, columns = values.shape
    sums = np.zeros((3, bands, columns))
    for place in range(3):
        for band in range(bands):
            for i in range(1, columns - 1):
                for row in range(3):
                    source = min(max(band + row - 1, 0), bands - 1)
                    for column in range(3):
                        at = i if column == place == 0 or column == place == 2 else i + column - 1
                        sums[place, band, i] += weights[row, column] * values[source, at]
    return sums


@njit(cache=True, error_model="numpy")
def _similarities(
    piece: Floats,
    piece_means: Floats,
    piece_variances: Floats,
    spectrogram: Floats,
    means: Floats,
    squares: Floats,
    low: int,
    count: int,
    weights: Floats,
    c1: float,
    c3: float,
) -> Floats:
    """Compute the similarity of a piece of the original to `count` pieces of the reconstruction from frame `low` on."""
    bands, frames = piece.shape
    cross, band_sums, totals = np.zeros(count), np.zeros(count), np.zeros(count)
    for band in range(bands):
        band_sums[:] = 0
        for frame in range(frames):
            cross[:] = 0
            for row in range(3):
                source = min(max(band + row - 1, 0), bands - 1)
                for column in range(3):
                    at = min(max(frame + column - 1, 0), frames - 1)
                    _add_products(cross, weights[row, column], piece[source, at], spectrogram[source, low + at + 1 :])
            place = 0 if frame == 0 else 2 if frame == frames - 1 else 1
            local = means[place, band, low + frame + 1 :], squares[place, band, low + frame + 1 :]
            _add_similarities(band_sums, cross, *local, piece_means[band, frame], piece_variances[band, frame], c1, c3)
        for i in range(count):
            totals[i] += band_sums[i] / frames
    similarities: Floats = totals / bands
    return similarities


@njit(cache=True, error_model="numpy")
def _add_products(sums: Floats, weight: float, value: float, others: Floats) -> None:
    for i in range(len(sums)):
        sums[i] += weight * (value * others[i])


@njit(cache=True, error_model="numpy")
def _add_similarities(
    sums: Floats, cross: Floats, means: Floats, squares: Floats, mean: float, variance: float, c1: float, c3: float
) -> None:
    for i in range(len(sums)):
        mean_product = mean * means[i]
        mean_square = means[i] * means[i]
        intensity = (2.0 * mean_product + c1) / (mean * mean + mean_square + c1)
        product = variance * (squares[i] - mean_square)
        spread = c3 if product < 0.0 else np.sqrt(product) + c3
        sums[i] += intensity * ((cross[i] - mean_product + c3) / spread)
