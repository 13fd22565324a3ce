"""Metrics as pure functions on arrays. `PAIRED` holds those that compare one original with its reconstruction."""

from __future__ import annotations

from m2l_bench.metrics import si_sdr, visqol
from m2l_bench.metrics.base import PairedMetric

PAIRED: dict[str, PairedMetric] = {metric.name: metric for metric in (si_sdr.METRIC, visqol.METRIC)}

__all__ = ["PAIRED", "PairedMetric"]
