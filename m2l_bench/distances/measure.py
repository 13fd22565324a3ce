"""Comparison of one set of clips with a reference: the Fréchet distance, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from m2l_bench.metrics.frechet import Frames, GaussianStatistics, frechet_distance, statistics
from m2l_bench.metrics.frechet_resampling import (
    Reference,
    bootstrap_interval,
    extrapolated_distance,
    resampled_distances,
)
from m2l_bench.metrics.kernel_distance import kernel_audio_distance
from m2l_bench.text import counted


@dataclass(frozen=True)
class Distance:
    """A measured distance. Numbers that cannot be computed are None, and `notes` say why."""

    value: float
    low: float | None
    high: float | None
    """Upper end of the 95 % bootstrap interval over clips; `low` is the lower end."""
    resampled: list[float]
    """Distances of the resamples, which compare systems on the same clips; empty where there is no interval."""
    infinity: float | None
    """Distance extrapolated to infinitely many clips."""
    kernel: float | None
    """Kernel audio distance of the same vectors."""
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

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(reference: Reference, evaluated: Sequence[Frames], *, paired: bool) -> Distance:
    """Measure the distance of clips to the clips, or the statistics, of a reference.

    Args:
        evaluated: vectors of each clip, (frames, dim).
        paired: whether both sets hold the same clips in the same order.

    Raises:
        ValueError: a set has fewer than two vectors, or the sets have different dimensions.
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
    kernel, notes = math.nan, []
    counts = {"the reference has": reference_statistics.frames, "the evaluated set has": evaluated_statistics.frames}
    few = {name: frames for name, frames in counts.items() if frames is not None and frames <= dim}
    if few:
        which = " and ".join(f"{name} {frames}" for name, frames in few.items())
        notes.append(
            f"{which} vectors for {dim} dimensions: too few to know a covariance, and the distance is biased upward; "
            "compare only sets of equal size"
        )
    if isinstance(reference, GaussianStatistics):
        notes.append("no kernel distance: the reference is known by its mean and covariance alone")
    else:
        try:
            kernel = kernel_audio_distance(reference, evaluated)
        except ValueError as error:
            notes.append(f"no kernel distance: {error}")
        if kernel < 0:
            notes.append("the kernel distance is an estimate around zero for equal sets: below zero is no difference")
    if math.isnan(low):
        notes.append(f"no interval and no extrapolation: {counted(len(evaluated), 'clip')}, eight are needed")
    elif math.isnan(infinity):
        notes.append(f"no extrapolation: half of the clips hold fewer vectors than {dim} dimensions")
    return Distance(
        value=value,
        low=_none_for_nan(np.maximum(0.0, low)),
        high=_none_for_nan(high),
        resampled=[round(float(distance), 8) for distance in resampled],
        infinity=_none_for_nan(infinity),
        kernel=_none_for_nan(kernel),
        dim=dim,
        clips=len(evaluated),
        frames=evaluated_statistics.frames or 0,
        reference_clips=reference_clips,
        reference_frames=reference_statistics.frames,
        paired=paired,
        notes=notes,
    )


def _none_for_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
