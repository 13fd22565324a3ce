"""All that is said of one set of clips against a reference: the Fréchet distance, and how far it can be trusted."""

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


@dataclass(frozen=True)
class Distance:
    """A measured distance. Figures that cannot be had are None, and `notes` say why."""

    value: float
    low: float | None
    high: float | None
    """95 % bootstrap interval over clips."""
    resampled: list[float]
    """What the interval is of: systems on the same clips are compared by it. Empty where there is no interval."""
    infinity: float | None
    """Extrapolated to infinitely many clips."""
    kernel: float | None
    """Kernel audio distance of the same vectors."""
    dim: int
    clips: int
    frames: int
    reference_clips: int | None
    """None: the reference is a file of statistics."""
    reference_frames: int | None
    paired: bool
    """Whether reference and evaluated set hold the same clips."""
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(reference: Reference, evaluated: Sequence[Frames], *, paired: bool) -> Distance:
    """Of clips against the clips, or the statistics, of a reference.

    Raises:
        ValueError: a set of fewer than two vectors, or sets of different dimensions.
    """
    from threadpoolctl import threadpool_limits

    reference_clips = None if isinstance(reference, GaussianStatistics) else len(reference)
    whole = reference if isinstance(reference, GaussianStatistics) else statistics(reference)
    own = statistics(evaluated)
    value = frechet_distance(whole, own)
    with threadpool_limits(1):  # hundreds of small matrices: threads would only wait for each other
        resampled = resampled_distances(reference, evaluated, paired=paired)
        infinity = extrapolated_distance(reference, evaluated, paired=paired)
    low, high = bootstrap_interval(resampled, value)
    kernel, notes = math.nan, []
    for name, frames in (("the reference has", whole.frames), ("the evaluated set has", own.frames)):
        if frames is not None and frames <= own.dim:
            notes.append(
                f"{name} {frames} vectors for {own.dim} dimensions: too few to know a covariance, and the distance is "
                "biased upward; compare only sets of equal size"
            )
    if isinstance(reference, GaussianStatistics):
        notes.append("no kernel distance: the reference is known by its mean and covariance alone")
    else:
        try:
            kernel = kernel_audio_distance(reference, evaluated)
        except ValueError as error:
            notes.append(f"no kernel distance: {error}")
    if math.isnan(low):
        notes.append(f"no interval and no extrapolation: {len(evaluated)} clips, eight are needed")
    elif math.isnan(infinity):
        notes.append(f"no extrapolation: half of the clips hold fewer vectors than {own.dim} dimensions")
    return Distance(
        value=value,
        low=_known(np.maximum(0.0, low)),
        high=_known(high),
        resampled=[round(float(distance), 8) for distance in resampled],
        infinity=_known(infinity),
        kernel=_known(kernel),
        dim=own.dim,
        clips=len(evaluated),
        frames=own.frames or 0,
        reference_clips=reference_clips,
        reference_frames=whole.frames,
        paired=paired,
        notes=notes,
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
