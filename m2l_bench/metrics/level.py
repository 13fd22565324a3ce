"""Differences of level between a reconstruction and its original: loudness, peaks, constant offset, clipped samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics.base import PairedMetric
from m2l_bench.metrics.loudness import BLOCK_SECONDS, RANGE_SECONDS, integrated_loudness, loudness_range, true_peak
from m2l_bench.metrics.signals import SILENCE, check_pair, check_stereo, is_silent, side

FULL_SCALE = 1 - 2**-15
"""Largest sample of 16-bit audio: from here on, samples count as clipped."""


def loudness_difference(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4) of the reconstruction minus that of the original, in LU.

    Raises:
        Undefined: a signal is silent or shorter than a block of 0.4 s.
    """
    check_pair(reference, reconstruction)
    if reference.shape[1] < BLOCK_SECONDS * sample_rate:
        raise Undefined(f"shorter than the {BLOCK_SECONDS} s that have a loudness")
    return _difference(integrated_loudness, reference, reconstruction, sample_rate)


def loudness_range_difference(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
    """Loudness range (EBU Tech 3342) of the reconstruction minus that of the original, in LU.

    Raises:
        Undefined: a signal is silent or shorter than 3 s.
    """
    check_pair(reference, reconstruction)
    if reference.shape[1] < RANGE_SECONDS * sample_rate:
        raise Undefined(f"shorter than the {RANGE_SECONDS:g} s that have a loudness range")
    return _difference(loudness_range, reference, reconstruction, sample_rate)


def true_peak_difference(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
    """True peak of the reconstruction minus that of the original, in dB, with four times as many samples.

    Raises:
        Undefined: a signal is silent.
    """
    check_pair(reference, reconstruction)
    _check_sound(reference, reconstruction)
    peaks = [true_peak(audio, sample_rate) for audio in (reference, reconstruction)]
    return float(20 * np.log10(peaks[1] / peaks[0]))


def dc_difference(reference: Audio, reconstruction: Audio, sample_rate: int = 0) -> float:
    """Largest difference of the means of a channel, in percent of full scale; the sample rate does not matter."""
    check_pair(reference, reconstruction)
    means = [audio.mean(axis=1, dtype=np.float64) for audio in (reference, reconstruction)]
    return float(100 * np.abs(means[1] - means[0]).max())


def clipping_difference(reference: Audio, reconstruction: Audio, sample_rate: int = 0) -> float:
    """Share of samples at or beyond full scale in the reconstruction minus that in the original, in percent.

    The sample rate does not matter.
    """
    check_pair(reference, reconstruction)
    shares = [np.mean(np.abs(audio) >= FULL_SCALE) for audio in (reference, reconstruction)]
    return float(100 * (shares[1] - shares[0]))


def width_difference(reference: Audio, reconstruction: Audio, sample_rate: int = 0) -> float:
    """Energy of the side of the reconstruction over that of the original, in dB; the sample rate does not matter.

    A side of the reconstruction below -100 dB of full scale counts as -100 dB, so that a mono output has a value.

    Raises:
        Undefined: there are not two channels, or the original has no side.
    """
    check_pair(reference, reconstruction)
    check_stereo(reference)
    if is_silent(side(reference)):
        raise Undefined("both channels of the original are equal")
    energies = [np.square(side(audio), dtype=np.float64).mean() for audio in (reference, reconstruction)]
    return float(10 * np.log10(max(energies[1], SILENCE**2) / energies[0]))


def _difference(
    measure: Callable[[Audio, int], float | None], reference: Audio, reconstruction: Audio, sample_rate: int
) -> float:
    if reference.shape[0] > 2:
        check_stereo(reference)
    loudness = []
    for name, audio in (("original", reference), ("reconstruction", reconstruction)):
        value = measure(audio, sample_rate)
        if value is None:
            raise Undefined(f"the {name} is silent")
        loudness.append(value)
    return loudness[1] - loudness[0]


def _check_sound(reference: Audio, reconstruction: Audio) -> None:
    for name, audio in (("original", reference), ("reconstruction", reconstruction)):
        if is_silent(audio):
            raise Undefined(f"the {name} is silent")


BS1770 = "ITU-R BS.1770-4, Algorithms to measure audio programme loudness and true-peak audio level, 2015"
LOUDNESS, RANGE, TRUE_PEAK, DC, CLIPPING, WIDTH = (
    PairedMetric(
        name, title, unit, False, decimals, citation, lambda: "1", measure, signed=measure is not dc_difference
    )
    for name, title, unit, decimals, citation, measure in (
        ("loudness_difference_lu", "Loudness", "LU", 2, BS1770, loudness_difference),
        (
            "loudness_range_difference_lu",
            "Loudness range",
            "LU",
            2,
            "EBU Tech 3342, Loudness range, 2023",
            loudness_range_difference,
        ),
        ("true_peak_difference_db", "True peak", "dB", 2, BS1770, true_peak_difference),
        ("dc_difference_pct", "DC", "%", 3, "Means of the samples", dc_difference),
        (
            "clipping_difference_pct",
            "Clipped",
            "%",
            3,
            "Shares of samples at or beyond full scale",
            clipping_difference,
        ),
        ("width_difference_db", "Width", "dB", 2, "Energies of the side, left minus right", width_difference),
    )
)
