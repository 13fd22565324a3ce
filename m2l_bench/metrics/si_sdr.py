"""Scale-invariant signal-to-distortion ratio (Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019).

It is in decibels, from -inf to +inf (a copy that is exact up to gain); higher is better. The mean of each channel is
removed. The channels of a clip are treated as one signal with one gain, so a silent channel does no harm, and a mono
clip that is stored as stereo has the same value.
"""

from __future__ import annotations

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics.base import PairedMetric
from m2l_bench.metrics.signals import check_pair


def si_sdr(reference: Audio, estimate: Audio, sample_rate: int = 0) -> float:
    """Compute SI-SDR in dB of two arrays (channels, samples) of the same shape; the sample rate does not matter.

    Raises:
        ValueError: the shapes differ, or there are no samples.
        Undefined: one of the signals is silent (or constant), or has NaN or infinite samples.
    """
    check_pair(reference, estimate)
    target = reference.astype(np.float64)
    target = (target - target.mean(axis=-1, keepdims=True)).ravel()
    output = estimate.astype(np.float64)
    output = (output - output.mean(axis=-1, keepdims=True)).ravel()
    target_energy, output_energy = target @ target, output @ output
    floor = target.size * 1e-20
    if target_energy <= floor:
        raise Undefined(f"the original is {_flat(reference)}")
    if output_energy <= floor:
        raise Undefined(f"the reconstruction is {_flat(estimate)}")
    projection = (output @ target / target_energy) * target
    distortion = output - projection
    # For an exact copy nothing is left but rounding errors of float64.
    if distortion @ distortion <= output_energy * 1e-28:
        return float("inf")
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((projection @ projection) / (distortion @ distortion)))


def _flat(audio: Audio) -> str:
    """What to call audio that is constant."""
    return "silent" if np.abs(audio).max() < 1e-9 else "constant"


METRIC = PairedMetric(
    name="si_sdr_db",
    title="SI-SDR",
    unit="dB",
    higher_is_better=True,
    decimals=2,
    citation="Le Roux et al., SDR - half-baked or well done?, ICASSP 2019",
    version=lambda: "1",
    measure=si_sdr,
)
