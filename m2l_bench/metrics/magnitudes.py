"""Sums over the differences of two blocks of spectra, computed while they are in the cache.

Spectra are complex, (channels, frames, bins). With `signals` two above the number of channels, which is two then, mid
and side follow left and right. All differences of logarithms are natural.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from m2l_bench.metrics.stft import Spectra, Sums


@njit(cache=True, fastmath=True)
def stft_sums(first: Spectra, second: Spectra, signals: int, floor: float) -> tuple[Sums, Sums, Sums, Sums]:
    """Sum differences of magnitudes, their squares, differences of logarithms, and squared magnitudes of the first.

    Args:
        floor: magnitude below which no value falls.
    """
    linear, squares, logs, energy = np.zeros(signals), np.zeros(signals), np.zeros(signals), np.zeros(signals)
    a, b = np.empty(first[0].size, np.float32), np.empty(first[0].size, np.float32)
    least = np.float32(floor)
    for signal in range(signals):
        _magnitudes(first, signal, a)
        _magnitudes(second, signal, b)
        for start in range(0, len(a), first.shape[2]):
            difference = square = size = np.float32(0)
            for i in range(start, start + first.shape[2]):
                difference += abs(a[i] - b[i])
            for i in range(start, start + first.shape[2]):
                a[i] = a[i] if a[i] > least else least
                b[i] = b[i] if b[i] > least else least
                square += (a[i] - b[i]) ** 2
                size += a[i] ** 2
            linear[signal] += difference
            squares[signal] += square
            energy[signal] += size
        logs[signal] = _log_differences(a, b)
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
    frames, bins = first.shape[1:]
    logs = np.zeros(signals)
    a, b = np.empty(frames * bins, np.float32), np.empty(frames * bins, np.float32)
    mel_a, mel_b = np.empty(frames * len(basis), np.float32), np.empty(frames * len(basis), np.float32)
    for signal in range(signals):
        _magnitudes(first, signal, a)
        _magnitudes(second, signal, b)
        for frame in range(frames):
            for band in range(len(basis)):
                sum_a = sum_b = np.float32(0)
                for i in range(ends[band, 0], ends[band, 1]):
                    sum_a += basis[band, i] * a[frame * bins + i]
                    sum_b += basis[band, i] * b[frame * bins + i]
                mel_a[frame * len(basis) + band] = max(sum_a, np.float32(floor))
                mel_b[frame * len(basis) + band] = max(sum_b, np.float32(floor))
        logs[signal] = _log_differences(mel_a, mel_b)
    return logs


@njit(cache=True, fastmath=True)
def _magnitudes(block: Spectra, signal: int, out: NDArray[np.float32]) -> None:
    """Write the magnitudes of a channel, or of mid or side, into `out` (frames times bins,)."""
    channels = block.shape[0]
    half = np.float32(0.5)
    if signal < channels:
        one = block[signal].reshape(-1)
        for i in range(len(out)):
            out[i] = math.sqrt(one[i].real * one[i].real + one[i].imag * one[i].imag)
        return
    left, right = block[0].reshape(-1), block[1].reshape(-1)
    sign = np.float32(1 if signal == channels else -1)
    for i in range(len(out)):
        real, imag = left[i].real + sign * right[i].real, left[i].imag + sign * right[i].imag
        out[i] = half * math.sqrt(real * real + imag * imag)


@njit(cache=True, fastmath=True)
def _log_differences(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Sum the differences of logarithms of positive numbers; `a` is overwritten.

    The sum of logarithms is that of the exponents of all quotients, plus the logarithms of products of sixteen
    mantissas each, which are below 65,536: sixteen times fewer logarithms.
    """
    for i in range(len(a)):
        one, other = a[i], b[i]
        higher, lower = one if one > other else other, other if one > other else one
        a[i] = higher / lower
    bits = a.view(np.int32)
    exponents = 0
    for i in range(len(a)):
        exponents += bits[i] >> 23
    exponents -= 127 * len(a)
    for i in range(len(a)):
        bits[i] = (bits[i] & 0x7FFFFF) | 0x3F800000
    columns = (len(a) + 15) // 16
    for start in range(columns, len(a), columns):
        for i in range(min(columns, len(a) - start)):
            a[i] *= a[start + i]
    total = exponents * math.log(2.0)
    for i in range(min(columns, len(a))):
        total += math.log(a[i])
    return total
