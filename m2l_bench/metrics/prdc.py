"""Precision and recall (Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
NeurIPS 2019), density and coverage (Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models",
ICML 2020) of a set of vectors against a reference.

The neighbourhood of a vector is the open ball that reaches to the fifth nearest other vector of its own set. All four
are 1 or near 1 for two samples of one distribution, and higher is better; density can be above 1. Density and coverage
depend less on outliers than precision and recall. Of six or more equal vectors the neighbourhoods have no content, so
even copies are not in them. Of sets of more than 10,000 vectors a random sample is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics.frechet import Frames
from m2l_bench.metrics.vector_samples import Vectors, check_dimensions, distance_blocks, sample_vectors

NEIGHBOURS = 5
"""The k of the papers: which nearest neighbour gives the size of a neighbourhood. Naeem et al. recommend 5."""


class Prdc(NamedTuple):
    """Precision, recall, density and coverage."""

    precision: float
    """Share of the evaluated vectors that are in the neighbourhood of a vector of the reference."""
    recall: float
    """Share of the reference's vectors that are in the neighbourhood of an evaluated vector."""
    density: float
    """Mean number of neighbourhoods of the reference that an evaluated vector is in, divided by `NEIGHBOURS`."""
    coverage: float
    """Share of the reference's vectors that have an evaluated vector in their neighbourhood."""


def precision_recall_density_coverage(reference: Sequence[Frames], evaluated: Sequence[Frames], seed: int = 0) -> Prdc:
    """Compute the four figures of a set of clips, each clip (frames, dim).

    Args:
        seed: decides the samples of large sets.

    Raises:
        ValueError: a set has fewer than six vectors, the dimensions differ, vectors hold NaN or infinity, or the
            neighbourhoods of most vectors of the reference have no content because these vectors are equal.
    """
    rng = np.random.default_rng(seed)
    x, y = sample_vectors(reference, rng)[0], sample_vectors(evaluated, rng)[0]
    check_dimensions(x, y)
    if min(len(x), len(y)) <= NEIGHBOURS:
        raise ValueError(f"{NEIGHBOURS + 1} vectors needed in each set, got {len(x)} and {len(y)}")
    x_radii, y_radii = _squared_radii(x), _squared_radii(y)
    if np.median(x_radii) == 0.0:
        raise ValueError("most vectors of the reference are equal: their neighbourhoods have no content")
    neighbourhoods = np.zeros(len(y))
    covered = np.zeros(len(x), bool)
    recalled = np.zeros(len(x), bool)
    for rows, squares in distance_blocks(x, y):
        inside = squares < x_radii[rows, None]
        neighbourhoods += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        recalled[rows] = (squares < y_radii).any(axis=1)
    return Prdc(
        precision=float((neighbourhoods > 0).mean()),
        recall=float(recalled.mean()),
        density=float(neighbourhoods.mean() / NEIGHBOURS),
        coverage=float(covered.mean()),
    )


def _squared_radii(x: Vectors) -> NDArray[np.float64]:
    """Squared distance of each vector to its fifth nearest other vector; the nearest of all is the vector itself."""
    radii = np.empty(len(x))
    for rows, squares in distance_blocks(x, x):
        radii[rows] = np.partition(squares, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return radii
