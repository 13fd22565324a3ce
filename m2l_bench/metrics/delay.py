"""Delay of a reconstruction and SI-SDR without it, so that a codec that is late is not taken for a bad one.

The delay is the lag of at most one second, and of at most half of the clip, at which the cross-correlation of the two
signals (without their means, summed over channels) has its largest magnitude. It is positive if the reconstruction is
late. Where the signals hardly correlate at any lag, as for decoders that invent phase, there is none.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics import si_sdr
from m2l_bench.metrics.base import PairedMetric, Values, alone
from m2l_bench.metrics.signals import check_pair, is_silent

MOST_SECONDS = 1.0
"""Largest lag."""
LEAST_CORRELATION = 0.1
"""Smallest magnitude of the correlation coefficient at which a lag has a meaning; SI-SDR is about -20 dB there."""
DELAY, ALIGNED = "delay_samples", "si_sdr_aligned_db"


def measure(
    reference: Audio, reconstruction: Audio, sample_rate: int, names: Collection[str] = (DELAY, ALIGNED)
) -> Values:
    """Measure the delay in samples, and SI-SDR in dB of what is common to both signals after it is removed.

    Raises:
        ValueError: the shapes differ, or there are no samples.
    """
    try:
        check_pair(reference, reconstruction)
        lag, correlation = _best_lag(reference, reconstruction, sample_rate)
    except Undefined as error:
        return dict.fromkeys(names, error)
    values: Values = {DELAY: float(lag)}
    if correlation < LEAST_CORRELATION:
        values[DELAY] = Undefined("the signals do not correlate at any lag")
    if ALIGNED in names:
        samples = reference.shape[1] - abs(lag)
        late, early = max(lag, 0), max(-lag, 0)
        try:
            values[ALIGNED] = si_sdr.si_sdr(
                reference[:, early : early + samples], reconstruction[:, late : late + samples]
            )
        except Undefined as error:
            values[ALIGNED] = error
    return {name: values[name] for name in names}


def _best_lag(reference: Audio, reconstruction: Audio, sample_rate: int) -> tuple[int, float]:
    """Find the lag in samples, and the magnitude of the correlation coefficient there."""
    from scipy.fft import irfft, next_fast_len, rfft

    samples = reference.shape[1]
    most = min(round(MOST_SECONDS * sample_rate), samples // 2)
    size = next_fast_len(samples + most, real=True)
    transforms, energies = [], []
    for name, audio in (("original", reference), ("reconstruction", reconstruction)):
        centred = audio - audio.mean(axis=1, keepdims=True, dtype=np.float64)
        if is_silent(centred):
            raise Undefined(f"the {name} is {'silent' if is_silent(audio) else 'constant'}")
        energies.append(float(np.square(centred).sum()))
        transforms.append(rfft(centred, size, axis=1))
    correlation: NDArray[np.float64] = irfft((transforms[1] * transforms[0].conj()).sum(axis=0), size)
    lags = np.arange(-most, most + 1)
    magnitudes = np.abs(correlation[lags])
    best = int(magnitudes.argmax())
    return int(lags[best]), float(magnitudes[best] / np.sqrt(energies[0] * energies[1]))


METRICS = (
    PairedMetric(
        DELAY,
        "Delay",
        "samples",
        False,
        1,
        "Lag of the largest cross-correlation",
        lambda: "1",
        alone(measure, DELAY),
        measure,
        signed=True,
    ),
    PairedMetric(
        ALIGNED,
        "SI-SDR, aligned",
        "dB",
        True,
        2,
        si_sdr.METRIC.citation,
        lambda: "1",
        alone(measure, ALIGNED),
        measure,
    ),
)
