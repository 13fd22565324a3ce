"""Log-spectral distance, for monitoring training: the difference of two spectra, regardless of phase.

It is in decibels and starts at 0 (equal magnitudes); lower is better.
"""

from __future__ import annotations

import numpy as np

from m2l_bench.audio import Audio

WINDOW, HOP = 2048, 512
"""Samples in a frame, and between frames."""
FLOOR = 1e-5
"""Magnitude below which differences do not count, for a Hann window with sum 1: -100 dB relative to full scale."""


def log_spectral_distance(reference: Audio, estimate: Audio) -> float:
    """Compute the root mean square over frequency of the difference of levels in dB, averaged over frames and channels.

    The measure is that of Gray and Markel 1976, "Distance measures for speech processing", with short-time spectra.

    Args:
        reference: (channels, samples).
        estimate: (channels, samples) of the same shape.

    Raises:
        ValueError: the shapes differ, or the signals are shorter than half a window.
    """
    if reference.shape != estimate.shape or reference.shape[-1] < WINDOW // 2:
        raise ValueError(
            f"expected two arrays of the same shape with at least {WINDOW // 2} samples, "
            f"got {reference.shape} and {estimate.shape}"
        )
    difference = _levels(reference) - _levels(estimate)
    return float(np.sqrt(np.mean(difference**2, axis=-2)).mean())


def _levels(audio: Audio) -> np.ndarray:
    """Compute levels in dB, (channels, bins, frames); the centres of frames are inside the signal."""
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    window = hann(WINDOW, sym=False)
    transform = ShortTimeFFT(window / window.sum(), HOP, fs=1.0)
    magnitudes: np.ndarray = np.abs(transform.stft(audio.astype(np.float64), p0=0, p1=audio.shape[-1] // HOP + 1))
    levels: np.ndarray = 20 * np.log10(np.maximum(magnitudes, FLOOR))
    return levels
