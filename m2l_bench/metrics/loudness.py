"""Loudness, loudness range and true peak of audio (ITU-R BS.1770, EBU Tech 3342)."""

from __future__ import annotations

import math
import warnings

import numpy as np

from m2l_bench.audio import Audio, resample

BLOCK_SECONDS = 0.4
"""Shortest piece with an integrated loudness, in seconds."""
RANGE_SECONDS = 3.0
"""Shortest piece with a loudness range, in seconds."""
OVERSAMPLING = 4


def integrated_loudness(audio: Audio, sample_rate: int) -> float | None:
    """Measure the loudness of (1 or 2 channels, samples) in LUFS; None for silence and for less than 0.4 s.

    Mono is measured as if played by two loudspeakers, which is 3 LU louder than one.
    """
    if audio.shape[1] < BLOCK_SECONDS * sample_rate:
        return None
    return _measure("integrated_loudness", audio, sample_rate)


def loudness_range(audio: Audio, sample_rate: int) -> float | None:
    """Measure by how much the loudness of (1 or 2 channels, samples) varies, in LU; None for silence and below 3 s."""
    if audio.shape[1] < RANGE_SECONDS * sample_rate:
        return None
    return _measure("loudness_range", audio, sample_rate)


def true_peak(audio: Audio, sample_rate: int) -> float:
    """Measure the largest magnitude of the samples and of those between them, with four times as many samples."""
    oversampled = resample(audio, sample_rate, OVERSAMPLING * sample_rate)
    return float(max(np.abs(audio).max(), np.abs(oversampled).max()))


def _measure(method: str, audio: Audio, sample_rate: int) -> float | None:
    import pyloudnorm

    stereo = np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # warnings about silent blocks
        value = float(getattr(pyloudnorm.Meter(sample_rate, block_size=BLOCK_SECONDS), method)(stereo.T))
    return value if math.isfinite(value) else None
