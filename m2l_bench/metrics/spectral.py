"""Log-spectral distance, for following training: what of the spectrum's shape is right, whatever the phase.

In decibels, from 0 (equal magnitudes), lower is better.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from m2l_bench.audio import Audio

WINDOW, HOP = 2048, 512
"""Samples."""
FLOOR = 1e-5
"""Magnitude below which differences do not count, for a Hann window of sum 1: -100 dB of full scale."""


def log_spectral_distance(reference: Audio, estimate: Audio) -> float:
    """Root mean square over frequency of the difference of levels in dB, mean over frames and channels.

    As Gray and Markel 1976, "Distance measures for speech processing", with short-time spectra.

    Args:
        reference, estimate: (channels, samples) of one shape.

    Raises:
        ValueError: the shapes differ, or less than half a window of samples.
    """
    if reference.shape != estimate.shape or reference.shape[-1] < WINDOW // 2:
        raise ValueError(f"two arrays of one shape with samples needed, got {reference.shape} and {estimate.shape}")
    difference = _levels(reference) - _levels(estimate)
    return float(np.sqrt(np.mean(difference**2, axis=-2)).mean())


def _levels(audio: Audio) -> np.ndarray:
    """(channels, bins, frames) in dB; frames are centred inside the signal."""
    window = hann(WINDOW, sym=False)
    transform = ShortTimeFFT(window / window.sum(), HOP, fs=1.0)
    magnitudes: np.ndarray = np.abs(transform.stft(audio.astype(np.float64), p0=0, p1=audio.shape[-1] // HOP + 1))
    levels: np.ndarray = 20 * np.log10(np.maximum(magnitudes, FLOOR))
    return levels
