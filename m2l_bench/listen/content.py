"""What a page shows: systems, clips, and what the clips are heard beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.datasets.base import Clip
from m2l_bench.metrics.base import Description, PairedMetric
from m2l_bench.plots.looks import Look


@dataclass(frozen=True)
class Reference:
    """What every clip is heard beside."""

    title: str
    corresponds: bool
    """Whether what a system made of a clip is a version of the clip's reference. Only then a page has differences from
    the reference, and blind tests."""


ORIGINALS = Reference("Original", corresponds=True)


@dataclass(frozen=True)
class ShownSystem:
    """What a page shows of a system."""

    name: str
    title: str
    kind: str
    """As on its card; anchors are a scale for the other systems, and are never the best one."""
    description: str
    citation: str
    source: str
    clips: int
    """Number of clips that it was measured on."""
    kilobits: float
    """Kilobits that it transmits per second; NaN where unknown."""
    figures: Mapping[str, tuple[float, float, float]]
    """Value over all clips, and the low and high end of its 95 % interval, by metric; NaN where not measured."""
    look: Look


@dataclass(frozen=True)
class Figure:
    """A figure of all clips of a system together: a column of the overview."""

    metric: Description
    explanation: str


@dataclass(frozen=True)
class ListeningClip:
    """A clip with at least one reconstruction, or a clip of another set, to hear."""

    clip: Clip
    """The reference."""
    caption: str
    reconstructions: dict[str, Path]
    """Files by system."""
    values: dict[str, dict[str, float]]
    """Metrics by system and name; a metric without a value is left out."""


@dataclass(frozen=True)
class Collection:
    """Everything that a page shows."""

    dataset: str
    systems: tuple[ShownSystem, ...]
    figures: tuple[Figure, ...]
    metrics: tuple[PairedMetric, ...]
    """Metrics of clips."""
    clips: tuple[ListeningClip, ...]
    ranking: tuple[str, ...]
    """Ids of the clips from the worst to the best, of which the page opens on the median; empty: on the first clip."""
    notes: tuple[str, ...]
    """Notes on what is not on the page, with the reasons."""
    reference: Reference = ORIGINALS
