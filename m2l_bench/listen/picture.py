"""Spectrograms as small pictures, in which systems can be compared column by column."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, to_mono
from m2l_bench.plots.design import DIFFERENCE_DB, DIFFERENCES, LEVELS

WIDTH, HEIGHT = 720, 96
LOWEST_HZ, HIGHEST_HZ = 30.0, 20_000.0
"""Range of the frequency axis, the same for every sample rate; page.css and timeline.js place its labels."""
WINDOW_SECONDS = 0.045
RANGE_DB = 65.0
"""Range of the colours below the piece's own loudness, because the page plays pieces at matched loudness."""
QUALITY = 60

Levels = NDArray[np.float64]
"""(HEIGHT, WIDTH) in dB above the lowest level with a colour, the highest frequency first; 0 is silence."""


def levels(audio: Audio, rate: int, lufs: float | None) -> Levels:
    """Compute levels of audio (channels, samples) over time and mel frequency.

    Args:
        lufs: loudness of the piece, which sets the lowest level; None gives silence.
    """
    mel_levels = _mel_levels(to_mono(audio)[0], rate)
    return np.zeros_like(mel_levels) if lufs is None else np.clip(mel_levels - lufs + RANGE_DB, 0, RANGE_DB)


def spectrogram(levels: Levels) -> bytes:
    """Draw a WebP picture of levels: brighter is louder, also when printed in grey."""
    return _webp(levels / RANGE_DB, LEVELS)


def difference(levels: Levels, original: Levels) -> bytes:
    """Draw a WebP picture of what is louder (orange) or softer (purple) than in the original."""
    return _webp((levels - original) / DIFFERENCE_DB / 2 + 0.5, DIFFERENCES)


def scale(colours: str) -> str:
    """Write a colour map as a gradient for a browser, from its lowest to its highest colour."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return f"linear-gradient(to right, {', '.join(to_hex(colormaps[colours](step / 8)) for step in range(9))})"


def _webp(values: NDArray[np.float64], colours: str) -> bytes:
    """Draw values from 0 to 1 with a colour map of matplotlib."""
    from matplotlib import colormaps
    from PIL import Image

    pixels = colormaps[colours](np.clip(values, 0, 1), bytes=True)[..., :3]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def _mel_levels(mono: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Compute levels (HEIGHT, WIDTH) in dB of a full-scale sine, the highest frequency first."""
    size = 2 ** round(np.log2(max(64, WINDOW_SECONDS * rate)))
    window = np.hanning(size)
    padded = np.pad(mono.astype(np.float64), size // 2)
    starts = ((np.arange(WIDTH) + 0.5) * len(mono) / WIDTH).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * window
    power = np.abs(np.fft.rfft(frames, axis=1) / (window.sum() / 2)) ** 2
    mel_levels: NDArray[np.float64] = 10 * np.log10(power @ _bands(rate, size) + 1e-12)
    return mel_levels.T[::-1]


@lru_cache
def _bands(rate: int, size: int) -> NDArray[np.float64]:
    """Compute the weights (bins, HEIGHT) of bins in mel bands; the highest of each band is about 1."""
    from librosa.core.convert import mel_frequencies
    from librosa.filters import mel

    with warnings.catch_warnings():
        # Bands above half the sample rate, or narrower than a bin, are empty.
        warnings.simplefilter("ignore", UserWarning)
        equal_areas = mel(sr=rate, n_fft=size, n_mels=HEIGHT, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    edges = mel_frequencies(HEIGHT + 2, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    weights: NDArray[np.float64] = equal_areas.T * (edges[2:] - edges[:-2]) / 2
    return weights
