"""The anchors of a MUSHRA listening test (ITU-R BS.1534-3), which mark both ends of a quality scale."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.codecs.base import Reconstructor

STOPBAND_DB = 60.0
"""Attenuation in dB that the filter is designed for."""
TRANSITION = 1 / 7
"""Width of the transition band divided by the cutoff: 0.5 kHz at 3.5 kHz, 1 kHz at 7 kHz."""


class HiddenReference(Reconstructor):
    """The original, unchanged."""

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        return audio.copy()


class LowPass(Reconstructor):
    """Linear-phase low-pass filter without delay.

    Args:
        cutoff_hz: the response is within 0.1 dB up to this frequency and below -50 dB from 8/7 of it on.
    """

    def __init__(self, cutoff_hz: float) -> None:
        self.cutoff_hz = cutoff_hz

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        if self.cutoff_hz * (1 + TRANSITION) >= sample_rate / 2:
            return audio.copy()
        from scipy.signal import oaconvolve

        kernel = _kernel(self.cutoff_hz, sample_rate)
        filtered = oaconvolve(audio, kernel[None, :], mode="full", axes=1)
        delay = len(kernel) // 2
        return np.ascontiguousarray(filtered[:, delay : delay + audio.shape[1]], dtype=np.float32)


@lru_cache(maxsize=8)
def _kernel(cutoff_hz: float, sample_rate: int) -> NDArray[np.float64]:
    """Design a Kaiser-window filter of odd length, whose delay is a whole number of samples."""
    from scipy.signal import firwin, kaiserord

    width_hz = cutoff_hz * TRANSITION
    taps, beta = kaiserord(STOPBAND_DB, width_hz / (sample_rate / 2))
    kernel: NDArray[np.float64] = firwin(taps | 1, cutoff_hz + width_hz / 2, window=("kaiser", beta), fs=sample_rate)
    return kernel
