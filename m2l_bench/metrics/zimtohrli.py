"""Zimtohrli (Google, Apache 2.0): a predicted mean opinion score for differences near what can just be heard.

It is computed by the package `zimtohrli` on mono audio at 48 kHz, from 1 to 5, higher is better. It aligns the signals
in time itself. That takes time and memory with the square of the length, so longer clips have no value.
"""

from __future__ import annotations

from importlib.metadata import version

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics.base import PairedMetric
from m2l_bench.metrics.signals import check_pair, mono_pair

SAMPLE_RATE = 48_000
SHORTEST_SECONDS = 1.0
"""Shortest clip that is measured. On a few hundred samples the package writes over memory that is not its own."""
LONGEST_SECONDS = 60.0
"""Longest clip that is measured. It takes some 300 MB, and sixteen times as long as one of ten seconds."""


def zimtohrli(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
    """Compute the mean opinion score of two arrays (channels, samples) of the same shape at `sample_rate` in Hz.

    Raises:
        ValueError: the shapes differ, or there are no samples.
        Undefined: a signal is silent, not finite, shorter than a second or longer than a minute.
    """
    from zimtohrli import mos_from_signals

    check_pair(reference, reconstruction)
    if reference.shape[1] < SHORTEST_SECONDS * sample_rate:
        raise Undefined("shorter than the second that Zimtohrli is given")
    if reference.shape[1] > LONGEST_SECONDS * sample_rate:
        raise Undefined("longer than the minute up to which Zimtohrli is computed")
    return float(mos_from_signals(*mono_pair(reference, reconstruction, sample_rate, SAMPLE_RATE)))


METRIC = PairedMetric(
    name="zimtohrli",
    title="Zimtohrli",
    unit="MOS",
    higher_is_better=True,
    decimals=2,
    citation="Bruse and Alakuijala, Zimtohrli, https://github.com/google/zimtohrli, 2025",
    version=lambda: f"zimtohrli {version('zimtohrli')}",
    measure=zimtohrli,
    package="zimtohrli",
)
