"""Originals and what a codec might make of them, for comparisons of metrics with published packages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 44_100

Audio = NDArray[np.float32]
"""(channels, samples)."""


def degraded_pairs() -> dict[str, tuple[Audio, Audio]]:
    """Originals and reconstructions at 44.1 kHz, by name."""
    stereo, mono, other = chords(0, 22_050, 2), chords(1, 13_000, 1), chords(2, 22_050, 2)
    noise = np.random.default_rng(3).standard_normal(stereo.shape).astype(np.float32)
    narrower = np.float32(0.9) * stereo + stereo[::-1] / 8
    return {
        "mono, noisy": (mono, mono + np.float32(0.01) * noise[:1, : mono.shape[1]]),
        "stereo, noisy and narrower": (stereo, narrower + np.float32(0.02) * noise[::-1]),
        "stereo, other music": (stereo, other),
        "stereo, late": (stereo, np.roll(stereo, 40, axis=1)),
    }


def chords(seed: int, samples: int, channels: int) -> Audio:
    """Decaying tones with harmonics and a little noise, other ones in each channel."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / SAMPLE_RATE
    audio = 0.003 * rng.standard_normal((channels, samples))
    for channel in audio:
        for pitch in rng.uniform(80, 900, 6):
            for harmonic in range(1, 9):
                channel += 0.05 / harmonic * np.sin(2 * np.pi * pitch * harmonic * time) * np.exp(-harmonic * time)
    return audio.astype(np.float32)
