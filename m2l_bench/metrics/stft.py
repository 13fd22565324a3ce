"""Short-time spectra as `torch.stft` computes them with `center=True`, in blocks that fit into the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from m2l_bench.errors import Undefined

Samples = NDArray[np.float32] | NDArray[np.float64]
Spectra = NDArray[Any]
"""Complex spectra with the precision of the samples, (channels, frames, bins)."""
Sums = NDArray[np.float64]
"""A sum over all frames and bins (or bands) for each signal."""
BLOCK = 1 << 16
"""Number of samples in the frames of one channel that are transformed at once."""


@dataclass(frozen=True)
class Frames:
    """Samples in a transform, between frames, and in the periodic Hann window, which is in the middle of the frame."""

    size: int
    hop: int
    window: int

    @property
    def shortest(self) -> int:
        """Number of samples of the shortest signal that can be extended by its mirror image."""
        return self.size // 2 + 1


def quarter_hop(size: int) -> Frames:
    """Frames with a window as long as the transform, a quarter of which is between frames."""
    return Frames(size, size // 4, size)


def check_length(samples: int, frames: Frames) -> None:
    """Raise `Undefined` if a signal is too short for these frames."""
    if samples < frames.shortest:
        raise Undefined(f"shorter than the {frames.shortest} samples at 44.1 kHz that a window needs")


def spectra(audio: Samples, frames: Frames, ends: Literal["reflect", "constant"] = "reflect") -> Iterator[Spectra]:
    """Compute the spectra of (channels, samples) in blocks of frames.

    Args:
        ends: extend both ends by their mirror image, or by zeros.
    """
    from scipy.fft import rfft

    half = frames.size // 2
    padded = np.pad(audio, ((0, 0), (half, half)), mode=ends)
    views = sliding_window_view(padded, frames.size, axis=1)[:, :: frames.hop]
    window, block = _window(frames).astype(audio.dtype), max(1, BLOCK // frames.size)
    for start in range(0, views.shape[1], block):
        yield rfft(views[:, start : start + block] * window, axis=2)


def paired_spectra(reference: Samples, reconstruction: Samples, frames: Frames) -> Iterator[tuple[Spectra, Spectra]]:
    """Compute the spectra of two signals, block by block."""
    return zip(spectra(reference, frames), spectra(reconstruction, frames), strict=True)


@lru_cache
def _window(frames: Frames) -> NDArray[np.float64]:
    from scipy.signal.windows import hann

    window = np.zeros(frames.size)
    start = (frames.size - frames.window) // 2
    window[start : start + frames.window] = hann(frames.window, sym=False)
    return window
