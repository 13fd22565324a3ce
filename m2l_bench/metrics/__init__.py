"""Metrics as pure functions on arrays.

`PAIRED` holds the metrics that compare one original with its reconstruction; `set_metric` gives those of whole sets,
and `kernel_metric` the kernel distances that are measured with them.
"""

from __future__ import annotations

from m2l_bench.metrics import delay, level, si_sdr, spectral, spectrograms, visqol, zimtohrli
from m2l_bench.metrics.base import Description, PairedMetric, SetMetric
from m2l_bench.metrics.fad import kernel_metric, set_metric

PAIRED: dict[str, PairedMetric] = {
    metric.name: metric
    for metric in (
        si_sdr.METRIC,
        visqol.METRIC,
        zimtohrli.METRIC,
        *spectrograms.DISTANCE_METRICS,
        *spectral.METRICS,
        *spectrograms.COHERENCE_METRICS,
        level.WIDTH,
        level.LOUDNESS,
        level.RANGE,
        level.TRUE_PEAK,
        level.DC,
        level.CLIPPING,
        *delay.METRICS,
    )
}


def metric(name: str) -> Description:
    """Describe the metric of this name, also a kernel distance such as `kad_clap`.

    Raises:
        KeyError: there is none.
    """
    named_metric = PAIRED.get(name) or set_metric(name) or kernel_metric(name)
    if named_metric is None:
        raise KeyError(name)
    return named_metric


__all__ = ["PAIRED", "Description", "PairedMetric", "SetMetric", "kernel_metric", "metric", "set_metric"]
