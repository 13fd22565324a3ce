"""Descriptions of metrics, which tables and plots read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from m2l_bench.audio import Audio


@dataclass(frozen=True)
class PairedMetric:
    """A number for one original and one reconstruction."""

    name: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int
    citation: str
    version: Callable[[], str]
    """Function that names the implementation: rows of different versions are never mixed in one run."""
    measure: Callable[[Audio, Audio, int], float]
    """Function of (reference, reconstruction, sample rate in Hz), with two arrays (channels, samples) of the same
    shape. It raises `Undefined` with the reason where the metric has no value."""


@dataclass(frozen=True)
class SetMetric:
    """A number for all reconstructions of a system: the Fréchet distance of their vectors to those of the originals."""

    name: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int
    citation: str
    embedding: str
    """Name of the card of the embedding that gives the vectors."""

    @property
    def column(self) -> str:
        """Column of the rows that holds the number of vectors of each reconstruction."""
        return f"{self.name}_frames"
