"""ViSQOL 3 in audio mode (Chinen et al., QoMEX 2020): a predicted mean opinion score, 1 to about 4.73, higher is
better.

It is computed by visqol-python, the maintained port of Google's code, on mono audio at 48 kHz. This module resamples
and downmixes, which the port does not do well. ViSQOL aligns the signals itself and ignores gain and polarity.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.environment import compile_once
from m2l_bench.errors import Undefined
from m2l_bench.metrics.base import PairedMetric
from m2l_bench.metrics.signals import check_pair, mono_pair
from m2l_bench.text import one_line

SAMPLE_RATE = 48_000
MINIMUM_SECONDS = 1.0


@cache
def _api() -> Any:
    import numba
    from visqol import VisqolApi

    from m2l_bench.metrics import visqol_kernels

    # One thread per process: scoring runs one process per core, and more threads would compete for the cores.
    numba.set_num_threads(1)
    visqol_kernels.install()
    api = VisqolApi()
    api.create(mode="audio")
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE)
    compile_once("visqol", lambda: api.measure_from_arrays(noise, noise / 2, SAMPLE_RATE))
    return api


def visqol(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
    """Compute MOS-LQO of two arrays (channels, samples) of the same shape at `sample_rate` in Hz.

    Raises:
        ValueError: the shapes differ, or there are no samples.
        Undefined: a signal is silent, shorter than a second, or not finite, or ViSQOL finds nothing to compare.
    """
    check_pair(reference, reconstruction)
    if reference.shape[1] < MINIMUM_SECONDS * sample_rate:
        raise Undefined("shorter than the second that ViSQOL needs")
    signals = mono_pair(reference, reconstruction, sample_rate, SAMPLE_RATE)
    try:
        score = float(_api().measure_from_arrays(*signals, SAMPLE_RATE).moslqo)
    except (ValueError, IndexError, RuntimeError) as error:
        raise Undefined(f"ViSQOL: {one_line(error)}") from error
    if not np.isfinite(score):
        raise Undefined("ViSQOL gave no number")
    return score


METRIC = PairedMetric(
    name="visqol",
    title="ViSQOL",
    unit="MOS",
    higher_is_better=True,
    decimals=2,
    citation="Chinen et al., ViSQOL v3: An Open Source Production Ready Objective Speech and Audio Metric, QoMEX 2020",
    version=lambda: f"visqol-python {version('visqol-python')}",
    measure=visqol,
)
