"""Log-spectral distance: the difference of two spectra, regardless of phase.

It is in decibels and starts at 0 (equal magnitudes); lower is better.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics.base import PairedMetric, Values, alone
from m2l_bench.metrics.signals import check_pair, check_stereo, mid, side
from m2l_bench.metrics.stft import Frames, spectra

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
    return float(_distances(reference, estimate)[: len(reference)].mean())


def measure(reference: Audio, reconstruction: Audio, sample_rate: int, names: Collection[str]) -> Values:
    """Measure the distance of all channels, of mid and of side; the windows are numbers of samples at any sample rate.

    Raises:
        ValueError: the shapes differ, or there are no samples.
    """
    try:
        check_pair(reference, reconstruction)
        if reference.shape[1] < WINDOW // 2:
            raise Undefined(f"shorter than {WINDOW // 2} samples, half of a window")
    except Undefined as error:
        return dict.fromkeys(names, error)
    values: Values = {}
    if NAME in names:
        values[NAME] = log_spectral_distance(reference, reconstruction)
    for name, part in ((MID, mid), (SIDE, side)):
        if name in names:
            try:
                check_stereo(reference)
                values[name] = log_spectral_distance(part(reference), part(reconstruction))
            except Undefined as error:
                values[name] = error
    return values


def _distances(reference: Audio, estimate: Audio) -> NDArray[np.float64]:
    """Compute the distance of each channel."""
    sums, count = np.zeros(len(reference)), 0
    frames = Frames(WINDOW, HOP, WINDOW)
    floor = FLOOR * WINDOW / 2  # half of the length is the sum of the window
    for pair in zip(
        *(spectra(audio.astype(np.float64), frames, "constant") for audio in (reference, estimate)), strict=True
    ):
        first, second = (np.maximum(np.abs(block), floor) for block in pair)
        levels = np.log10(first / second, out=first)
        levels *= levels
        sums += 20 * np.sqrt(levels.mean(axis=2)).sum(axis=1)
        count += first.shape[1]
    return sums / count


NAME, MID, SIDE = (f"log_spectral_distance{part}_db" for part in ("", "_mid", "_side"))
GRAY = "Gray and Markel, Distance measures for speech processing, IEEE Transactions on ASSP 24, 1976"
METRICS = tuple(
    PairedMetric(name, title, "dB", False, 2, GRAY, lambda: "1", alone(measure, name), measure)
    for name, title in ((NAME, "LSD"), (MID, "LSD, mid"), (SIDE, "LSD, side"))
)
