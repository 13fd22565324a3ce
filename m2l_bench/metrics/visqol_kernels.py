"""Functions of visqol-python in a faster form. Their results are equal to the last bit, which a test holds.

- Most of ViSQOL's time is spent in its gammatone filter bank. visqol-python filters one frame after the other with
  scalar instructions. Frames are independent of each other, so `spectrogram` filters sixteen of them together with
  vector instructions. Each number goes through the same operations in the same order, but for products with the
  third coefficient of a numerator, which is zero.
- The search for the most similar pieces is in `visqol_search`.
- Patches of a spectrogram are copies, but numba needs several seconds to compile the loops that make them. NumPy needs
  no compilation.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LANES = 16
"""Frames that are filtered together. LLVM makes vector instructions of a loop of this length, not of a shorter one."""


@njit(cache=True)
def spectrogram(
    signal: Floats,
    window: Floats,
    numerators: Floats,
    denominators: Floats,
    window_size: int,
    hop_size: int,
    bands: int,
    frames: int,
) -> Floats:
    """Compute the root mean square of each band of each frame, (bands, frames).

    Args:
        signal: (samples,).
        window: factors of the samples of a frame, (window_size,).
        numerators: coefficients of the four stages, (4, bands, 3); the last is 0 for gammatones.
        denominators: coefficients that the stages share, (bands, 3); the first is 1.
        window_size, hop_size: length of a frame, and distance from one frame to the next, in samples.
    """
    means = np.empty((bands, frames))
    inputs = np.empty(window_size * LANES)
    # Two values of each stage's memory, and the energy, for each lane: in one array, so that LLVM sees no overlap.
    state = np.empty(9 * LANES)
    for first in range(0, frames, LANES):
        for lane in range(LANES):
            start = min(first + lane, frames - 1) * hop_size
            for i in range(window_size):
                inputs[i * LANES + lane] = signal[start + i] * window[i]
        for band in range(bands):
            a1, a2 = denominators[band, 1], denominators[band, 2]
            b00, b01 = numerators[0, band, 0], numerators[0, band, 1]
            b10, b11 = numerators[1, band, 0], numerators[1, band, 1]
            b20, b21 = numerators[2, band, 0], numerators[2, band, 1]
            b30, b31 = numerators[3, band, 0], numerators[3, band, 1]
            state[:] = 0
            for i in range(window_size):
                for lane in range(LANES):
                    x = inputs[i * LANES + lane]
                    y = b00 * x + state[lane]
                    state[lane] = b01 * x - a1 * y + state[LANES + lane]
                    state[LANES + lane] = -(a2 * y)
                    x = b10 * y + state[2 * LANES + lane]
                    state[2 * LANES + lane] = b11 * y - a1 * x + state[3 * LANES + lane]
                    state[3 * LANES + lane] = -(a2 * x)
                    y = b20 * x + state[4 * LANES + lane]
                    state[4 * LANES + lane] = b21 * x - a1 * y + state[5 * LANES + lane]
                    state[5 * LANES + lane] = -(a2 * y)
                    x = b30 * y + state[6 * LANES + lane]
                    state[6 * LANES + lane] = b31 * y - a1 * x + state[7 * LANES + lane]
                    state[7 * LANES + lane] = -(a2 * x)
                    state[8 * LANES + lane] += x * x
            for lane in range(min(LANES, frames - first)):
                means[band, first + lane] = np.sqrt(state[8 * LANES + lane] / window_size)
    return means


def patches(spectrogram: Floats, bands: int, frames: int) -> Floats:
    """Cut the patch of `frames` frames that begins at each frame, (patches, bands, frames); zeros follow the last."""
    padded = np.pad(spectrogram[:bands], ((0, 0), (0, frames - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, frames, axis=1)
    return np.ascontiguousarray(windows.swapaxes(0, 1))


def install() -> None:
    """Put these functions in the place of the package's. A version of the package without a name keeps its own."""
    from visqol import gammatone, patch_selector

    from m2l_bench.metrics.visqol_search import forward_pass

    for module, name, ours in (
        (gammatone, "_gammatone_spectrogram_numba", spectrogram),
        (patch_selector, "_build_all_deg_patches", patches),
        (patch_selector, "_dp_forward_pass", forward_pass),
    ):
        if hasattr(module, name):
            setattr(module, name, ours)
