"""Checks of the two signals of a paired metric, their mid and side, and both in mono."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, resample, to_mono
from m2l_bench.errors import Undefined

SILENCE = 1e-5
"""Root mean square, -100 dB relative to full scale, below which a signal counts as silent."""


def check_pair(reference: Audio, reconstruction: Audio) -> None:
    """Check that two arrays (channels, samples) can be compared.

    Raises:
        ValueError: the shapes differ, or there are no samples.
        Undefined: a signal has NaN or infinite samples.
    """
    if reference.shape != reconstruction.shape or reference.size == 0:
        raise ValueError(
            f"expected two arrays of the same shape, not empty, got {reference.shape} and {reconstruction.shape}"
        )
    for name, audio in (("original", reference), ("reconstruction", reconstruction)):
        if not np.isfinite(audio).all():
            raise Undefined(f"the {name} has NaN or infinite samples")


def check_stereo(audio: Audio) -> None:
    """Raise `Undefined` if there are not two channels."""
    if audio.shape[0] != 2:
        raise Undefined("compared in mono" if audio.shape[0] == 1 else f"{audio.shape[0]} channels, not two")


def mid(audio: Audio) -> Audio:
    """Half of left plus right, (1, samples); for two equal channels it is either of them."""
    return to_mono(audio)


def side(audio: Audio) -> Audio:
    """Half of left minus right, (1, samples)."""
    difference: Audio = np.float32(0.5) * (audio[:1] - audio[1:])
    return difference


def is_silent(audio: Audio) -> bool:
    """Whether the root mean square is below -100 dB relative to full scale."""
    return bool(np.sqrt(np.mean(np.square(audio, dtype=np.float64))) < SILENCE)


def mono_pair(reference: Audio, reconstruction: Audio, sample_rate: int, target_rate: int) -> list[NDArray[np.float64]]:
    """Mix both signals (channels, samples) down to mono (samples,) at `target_rate` in Hz.

    Raises:
        Undefined: one of them is silent.
    """
    signals = []
    for name, audio in (("original", reference), ("reconstruction", reconstruction)):
        mono = resample(to_mono(audio), sample_rate, target_rate)[0].astype(np.float64)
        if is_silent(mono):
            raise Undefined(f"the {name} is silent")
        signals.append(mono)
    return signals
