"""Loudness of a piece of audio (ITU-R BS.1770), and the gains that make reconstructions as loud as their original."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.metrics.loudness import integrated_loudness, true_peak

LARGEST_GAIN_DB = 20.0
"""Largest gain in dB; a larger one would only raise the noise of a nearly silent output."""
PEAK_LIMIT_DB = -1.0
"""Highest peak of a matched piece, in dB of full scale, so that none is clipped when played."""


@dataclass(frozen=True)
class Level:
    """Loudness in LUFS, None where it is not defined (silence, less than 0.4 s); true peak in dB of full scale."""

    lufs: float | None
    peak_db: float


def measure(audio: Audio, rate: int) -> Level:
    """Measure the level of audio (1 or 2 channels, samples).

    Mono is measured as if played by two loudspeakers, which is 3 LU louder than one.
    """
    peak = max(1e-6, true_peak(audio, rate))  # silence: -120 dB
    return Level(integrated_loudness(audio, rate), 20 * math.log10(peak))


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
