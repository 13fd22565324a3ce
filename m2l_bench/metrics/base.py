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


@dataclass(frozen=True)
class SetMetric:
    """A number for all reconstructions of a system together: the Fréchet distance of their vectors to the reference's.

    `embedding` names the card of the network that makes the vectors.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int
    citation: str
    embedding: str

    @property
    def column(self) -> str:
        """Of a clip's row: how many vectors the reconstruction has; they lie beside the rows."""
        return f"{self.name}_frames"
