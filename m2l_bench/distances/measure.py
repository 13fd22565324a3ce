"""Comparison of one set of clips with a reference: the Fréchet distance and how far it can be trusted, the kernel
distance, and how the vectors of both sets lie among each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from m2l_bench.metrics.frechet import Frames, GaussianStatistics, frechet_distance, statistics, too_few
from m2l_bench.metrics.frechet_resampling import (
    Counts,
    Reference,
    bootstrap_interval,
    draw_clips,
    extrapolated_distance,
    resampled_distances,
)
from m2l_bench.metrics.kernel_distance import kernel_audio_distances
from m2l_bench.metrics.prdc import precision_recall_density_coverage
from m2l_bench.text import counted


@dataclass(frozen=True)
class Distance:
    """A measured distance. Numbers that cannot be computed are None, and `notes` say why."""

    value: float
    """Fréchet distance."""
    low: float | None
    high: float | None
    """Upper end of the 95 % bootstrap interval over clips; `low` is the lower end."""
    resampled: list[float]
    """Distances of the resamples, which compare systems on the same clips; empty where there is no interval."""
    infinity: float | None
    """Distance extrapolated to infinitely many clips."""
    dim: int
    """Numbers per vector."""
    clips: int
    frames: int
    """Number of vectors of the evaluated set."""
    reference_clips: int | None
    """Number of clips; None if the reference is a file of statistics."""
    reference_frames: int | None
    """Number of vectors; None if the file of statistics does not have it."""
    paired: bool
    """Whether reference and evaluated set hold the same clips."""
    notes: list[str]
    kernel: float | None = None
    """Kernel audio distance of the same vectors."""
    kernel_low: float | None = None
    kernel_high: float | None = None
    kernel_resampled: list[float] = field(default_factory=list)
    """Interval and resamples of the kernel distance, as those of the Fréchet distance."""
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    """How the evaluated vectors fill the neighbourhoods of the reference's vectors: see `metrics.prdc`."""

    @property
    def has_few_vectors(self) -> bool:
        """Whether one of the sets has too few vectors to know its covariance."""
        return too_few(self.frames, self.dim) or too_few(self.reference_frames, self.dim)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(reference: Reference, evaluated: Sequence[Frames], *, paired: bool) -> Distance:
    """Measure the distance of clips to the clips, or the statistics, of a reference.

    Args:
        evaluated: vectors of each clip, (frames, dim).
        paired: whether both sets hold the same clips in the same order.

    Raises:
        ValueError: a set has fewer than two vectors, vectors hold NaN or infinity, or the sets have different
            dimensions.
    """
    from threadpoolctl import threadpool_limits

    reference_clips = None if isinstance(reference, GaussianStatistics) else len(reference)
    reference_statistics = reference if isinstance(reference, GaussianStatistics) else statistics(reference)
    evaluated_statistics = statistics(evaluated)
    dim = evaluated_statistics.dim
    value = frechet_distance(reference_statistics, evaluated_statistics)
    with threadpool_limits(1):  # hundreds of small matrices: threads would only wait for each other
        resampled = resampled_distances(reference, evaluated, paired=paired)
        infinity = extrapolated_distance(reference, evaluated, paired=paired)
    low, high = bootstrap_interval(resampled, value)
    notes = []
    counts = {"the reference has": reference_statistics.frames, "the evaluated set has": evaluated_statistics.frames}
    few = {name: frames for name, frames in counts.items() if too_few(frames, dim)}
    if few:
        which = " and ".join(f"{name} {frames}" for name, frames in few.items())
        notes.append(
            f"{which} vectors for {dim} dimensions: too few to know a covariance, and the distance is biased upward; "
            "compare only sets of equal size"
        )
    if isinstance(reference, GaussianStatistics):
        figures: dict[str, Any] = {}
        notes.append(
            "no kernel distance, density and coverage: the reference is known by its mean and covariance alone"
        )
    else:
        figures = _compare_vectors(reference, evaluated, paired, notes)
    if math.isnan(low):
        notes.append(f"no interval and no extrapolation: {counted(len(evaluated), 'clip')}, eight are needed")
    elif math.isnan(infinity):
        notes.append(f"no extrapolation: half of the clips hold fewer vectors than {dim} dimensions")
    return Distance(
        value=value,
        low=_none_for_nan(np.maximum(0.0, low)),
        high=_none_for_nan(high),
        resampled=_rounded(resampled),
        infinity=_none_for_nan(infinity),
        dim=dim,
        clips=len(evaluated),
        frames=evaluated_statistics.frames or 0,
        reference_clips=reference_clips,
        reference_frames=reference_statistics.frames,
        paired=paired,
        notes=notes,
        **figures,
    )


def _compare_vectors(
    reference: Sequence[Frames], evaluated: Sequence[Frames], paired: bool, notes: list[str]
) -> dict[str, Any]:
    """Measure what needs the vectors of both sets, by the fields of `Distance`; `notes` say what cannot be measured."""
    figures: dict[str, Any] = {}
    counts, reference_counts = draw_clips(len(evaluated), None if paired else len(reference))
    try:
        kernel, *resampled = kernel_audio_distances(
            reference, evaluated, _with_all_clips(reference_counts), _with_all_clips(counts), paired=paired
        )
    except ValueError as error:
        notes.append(f"no kernel distance: {error}")
    else:
        low, high = bootstrap_interval(np.array(resampled), kernel)
        figures = {"kernel": float(kernel), "kernel_low": _none_for_nan(low), "kernel_high": _none_for_nan(high)}
        figures["kernel_resampled"] = _rounded(resampled)
        if kernel < 0:
            notes.append("the kernel distance is an estimate around zero for equal sets: below zero is no difference")
    try:
        figures |= precision_recall_density_coverage(reference, evaluated)._asdict()
    except ValueError as error:
        notes.append(f"no density and coverage: {error}")
    return figures


def _with_all_clips(counts: Counts) -> Counts:
    """Put a draw before the others in which each clip counts once."""
    return np.vstack([np.ones((1, counts.shape[1]), np.int64), counts])


def _rounded(resampled: Iterable[float]) -> list[float]:
    return [round(float(distance), 8) for distance in resampled]


def _none_for_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
