"""Descriptions of metrics, which tables and plots read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined

Values = dict[str, float | Undefined]
"""Values by metric, or the reason where a metric has none."""
Family = Callable[[Audio, Audio, int, Collection[str]], Values]
"""Function of (reference, reconstruction, sample rate in Hz, names) that measures several metrics together, for which
it computes spectra once."""


@dataclass(frozen=True)
class Description:
    """What tables and plots say about a metric."""

    name: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int
    citation: str

    @property
    def zero_is_best(self) -> bool:
        """Whether both signs are worse than zero; `higher_is_better` is false then."""
        return False

    @property
    def arrow(self) -> str:
        """Sign for headers that points to better values."""
        if self.zero_is_best:
            return "→0"
        return "↑" if self.higher_is_better else "↓"

    @property
    def header(self) -> str:
        """Header of its column in tables, such as "SI-SDR (dB) ↑"; the arrow points to better values."""
        return f"{self.title} ({self.unit}) {self.arrow}" if self.unit else f"{self.title} {self.arrow}"

    @property
    def direction(self) -> str:
        """Which values are better, as the beginning of a sentence or label."""
        if self.zero_is_best:
            return "zero is best"
        return "higher is better" if self.higher_is_better else "lower is better"

    def merit(self, value: float) -> float:
        """Convert a value to a number that is higher for better values."""
        if self.zero_is_best:
            return -abs(value)
        return value if self.higher_is_better else -value


@dataclass(frozen=True)
class PairedMetric(Description):
    """A number for one original and one reconstruction."""

    version: Callable[[], str]
    """Function that names the implementation: rows of different versions are never mixed in one run."""
    measure: Callable[[Audio, Audio, int], float]
    """Function of (reference, reconstruction, sample rate in Hz), with two arrays (channels, samples) of the same
    shape. It raises `Undefined` with the reason where the metric has no value."""
    family: Family | None = None
    """Function that measures this metric together with others; the values are those of `measure`."""
    package: str = ""
    """Package that it is computed with, where this package can be installed without it; empty: none."""
    signed: bool = False
    """Whether it is a difference of which zero is best."""

    @property
    def zero_is_best(self) -> bool:
        return self.signed


def alone(family: Family, name: str) -> Callable[[Audio, Audio, int], float]:
    """Make the function that measures one metric of a family."""

    def measure(reference: Audio, reconstruction: Audio, sample_rate: int) -> float:
        value = family(reference, reconstruction, sample_rate, (name,))[name]
        if isinstance(value, Undefined):
            raise value
        return value

    return measure


@dataclass(frozen=True)
class SetMetric(Description):
    """A number for all reconstructions of a system: the Fréchet distance of their vectors to those of the originals."""

    embedding: str
    """Name of the card of the embedding that gives the vectors."""

    @property
    def column(self) -> str:
        """Column of the rows that holds the number of vectors of each reconstruction."""
        return f"{self.name}_frames"
