"""Sums over the differences of two blocks of spectra, in one pass over each frame while it is in the cache.

Spectra are complex, (channels, frames, bins). With `signals` two above the number of channels, which is two then, mid
and side follow left and right. All differences of logarithms are natural.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from m2l_bench.metrics.stft import Spectra

Sums = NDArray[np.float64]
"""A sum over all frames and bins (or bands) for each signal."""


@njit(cache=True, fastmath=True)
def stft_sums(first: Spectra, second: Spectra, signals: int, floor: float) -> tuple[Sums, Sums, Sums, Sums]:
    """Sum differences of magnitudes, their squares, differences of logarithms, and squared magnitudes of the first.

    Args:
        floor: magnitude below which no value falls.
    """
    linear, squares, logs, energy = np.zeros(signals), np.zeros(signals), np.zeros(signals), np.zeros(signals)
    a, b = np.empty(first.shape[2], np.float32), np.empty(first.shape[2], np.float32)
    for frame in range(first.shape[1]):
        for signal in range(signals):
            _magnitudes(first, frame, signal, a)
            _magnitudes(second, frame, signal, b)
            difference = square = size = np.float32(0)
            for i in range(len(a)):
                difference += abs(a[i] - b[i])
            linear[signal] += difference
            _raise(a, floor)
            _raise(b, floor)
            for i in range(len(a)):
                square += (a[i] - b[i]) ** 2
                size += a[i] ** 2
            squares[signal] += square
            energy[signal] += size
            logs[signal] += _log_differences(a, b)
    return linear, squares, logs, energy


@njit(cache=True, fastmath=True)
def mel_sums(
    first: Spectra, second: Spectra, signals: int, floor: float, basis: NDArray[np.float32], ends: NDArray[np.int64]
) -> Sums:
    """Sum differences of logarithms of mel spectra.

    Args:
        floor: magnitude below which no band falls.
        basis: weights of bins in bands, (bands, bins).
        ends: first bin, and first bin after the last, with a weight in each band, (bands, 2).
    """
    logs = np.zeros(signals)
    a, b = np.empty(first.shape[2], np.float32), np.empty(first.shape[2], np.float32)
    mel_a, mel_b = np.empty(len(basis), np.float32), np.empty(len(basis), np.float32)
    for frame in range(first.shape[1]):
        for signal in range(signals):
            _magnitudes(first, frame, signal, a)
            _magnitudes(second, frame, signal, b)
            for band in range(len(basis)):
                sum_a = sum_b = np.float32(0)
                for i in range(ends[band, 0], ends[band, 1]):
                    sum_a += basis[band, i] * a[i]
                    sum_b += basis[band, i] * b[i]
                mel_a[band], mel_b[band] = sum_a, sum_b
            _raise(mel_a, floor)
            _raise(mel_b, floor)
            logs[signal] += _log_differences(mel_a, mel_b)
    return logs


@njit(cache=True, fastmath=True)
def _magnitudes(block: Spectra, frame: int, signal: int, out: NDArray[np.float32]) -> None:
    """Write the magnitudes of a channel, or of mid or side, into `out` (bins,)."""
    channels = block.shape[0]
    half = np.float32(0.5)
    if signal < channels:
        one = block[signal, frame]
        for i in range(len(out)):
            out[i] = math.sqrt(one[i].real * one[i].real + one[i].imag * one[i].imag)
        return
    left, right = block[0, frame], block[1, frame]
    if signal == channels:
        for i in range(len(out)):
            real, imag = left[i].real + right[i].real, left[i].imag + right[i].imag
            out[i] = half * math.sqrt(real * real + imag * imag)
    else:
        for i in range(len(out)):
            real, imag = left[i].real - right[i].real, left[i].imag - right[i].imag
            out[i] = half * math.sqrt(real * real + imag * imag)


@njit(cache=True, fastmath=True)
def _raise(values: NDArray[np.float32], floor: float) -> None:
    least = np.float32(floor)
    for i in range(len(values)):
        values[i] = values[i] if values[i] > least else least


@njit(cache=True, fastmath=True)
def _log_differences(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Sum the differences of logarithms: one logarithm for eight quotients, whose product no float64 overflows."""
    columns = (len(a) + 7) // 8
    products = np.ones(columns)
    for start in range(0, len(a), columns):
        for i in range(min(columns, len(a) - start)):
            one, other = a[start + i], b[start + i]
            products[i] *= one / other if one > other else other / one
    total = 0.0
    for product in products:
        total += math.log(product)
    return total
