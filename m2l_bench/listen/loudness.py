"""Loudness of a piece of audio (ITU-R BS.1770), and the gains that make reconstructions as loud as their original."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio

LARGEST_GAIN_DB = 20.0
"""Largest gain in dB; a larger one would only raise the noise of a nearly silent output."""
PEAK_LIMIT_DB = -1.0
"""Highest peak of a matched piece, in dB of full scale, so that none is clipped when played."""
BLOCK_SECONDS = 0.4
"""Shortest piece with an integrated loudness, in seconds."""
OVERSAMPLING = 4


@dataclass(frozen=True)
class Level:
    """Loudness in LUFS, None where it is not defined (silence, less than 0.4 s); true peak in dB of full scale."""

    lufs: float | None
    peak_db: float


def measure(audio: Audio, rate: int) -> Level:
    """Measure the level of audio (1 or 2 channels, samples).

    Mono is measured as if played by two loudspeakers, which is 3 LU louder than one.
    """
    import pyloudnorm

    oversampled = audio_files.resample(audio, rate, OVERSAMPLING * rate)
    peak = float(max(1e-6, np.abs(audio).max(), np.abs(oversampled).max()))  # silence: -120 dB
    lufs = -math.inf
    if audio.shape[1] >= BLOCK_SECONDS * rate:
        stereo = np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")  # warnings about silent blocks
            lufs = float(pyloudnorm.Meter(rate, block_size=BLOCK_SECONDS).integrated_loudness(stereo.T))
    return Level(lufs if math.isfinite(lufs) else None, 20 * math.log10(peak))


def matching_gains(original: Level, reconstructions: Mapping[str, Level]) -> tuple[dict[str, float | None], float]:
    """Compute gains in dB that bring each reconstruction to the original's loudness, and a common gain for headroom.

    Returns:
        one gain per reconstruction, within +-20 dB, or None where it or the original has no loudness; and the common
        gain, 0 or below, to be added to every gain and to the original's, which is 0.
    """
    gains: dict[str, float | None] = {}
    for name, level in reconstructions.items():
        if original.lufs is None or level.lufs is None:
            gains[name] = None
        else:
            gains[name] = float(np.clip(original.lufs - level.lufs, -LARGEST_GAIN_DB, LARGEST_GAIN_DB))
    loudest = max(
        [original.peak_db, *(level.peak_db + (gains[name] or 0.0) for name, level in reconstructions.items())]
    )
    return gains, min(0.0, PEAK_LIMIT_DB - loudest)
