"""What a metric declares, once; tables and plots read it from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from m2l_bench.audio import Audio


@dataclass(frozen=True)
class PairedMetric:
    """A number for one original and one reconstruction.

    `measure(reference, reconstruction, sample_rate)` takes two arrays (channels, samples) of one shape and raises
    `Undefined` with the reason where the metric has no value.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int
    citation: str
    version: Callable[[], str]
    """Names the implementation: rows measured by different versions are never mixed in one run."""
    measure: Callable[[Audio, Audio, int], float]
