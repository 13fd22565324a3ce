"""Spectrograms as small pictures, in which systems can be compared column by column."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, to_mono

WIDTH, HEIGHT = 720, 96
LOWEST_HZ, HIGHEST_HZ = 30.0, 20_000.0
"""Range of the frequency axis, the same for every sample rate; page.css and timeline.js place its labels."""
WINDOW_SECONDS = 0.045
RANGE_DB = 65.0
"""Range of the colours below the piece's own loudness, because the page plays pieces at matched loudness."""
QUALITY = 60
MAGMA = "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf"
"""Ten evenly spaced colours of matplotlib's colour map of this name; brighter is louder, also when printed in grey."""


def spectrogram(audio: Audio, rate: int, lufs: float | None) -> bytes:
    """Draw a WebP picture of audio (channels, samples): time to the right, mel frequency upwards, level as colour.

    Args:
        lufs: loudness of the piece, which sets the range of the colours; None gives a black picture.
    """
    from PIL import Image

    levels = _mel_levels(to_mono(audio)[0], rate)
    brightness = np.zeros_like(levels) if lufs is None else np.clip((levels - lufs) / RANGE_DB + 1, 0, 1)
    anchors = np.array([list(bytes.fromhex(colour)) for colour in MAGMA.split()], float)
    steps = np.linspace(0, 1, len(anchors))
    pixels = np.stack([np.interp(brightness, steps, anchors[:, channel]) for channel in range(3)], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def _mel_levels(mono: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Compute levels (HEIGHT, WIDTH) in dB, the highest frequency first; a full-scale sine has 0 dB."""
    from librosa.filters import mel

    size = 2 ** round(np.log2(max(64, WINDOW_SECONDS * rate)))
    window = np.hanning(size)
    padded = np.pad(mono.astype(np.float64), size // 2)
    starts = ((np.arange(WIDTH) + 0.5) * len(mono) / WIDTH).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * window
    power = np.abs(np.fft.rfft(frames, axis=1) / (window.sum() / 2)) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # bands above half the sample rate, or narrower than a bin, are empty
        bands = mel(sr=rate, n_fft=size, n_mels=HEIGHT, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, norm=None)
    levels: NDArray[np.float64] = 10 * np.log10(power @ bands.T.astype(np.float64) + 1e-12)
    return levels.T[::-1]
