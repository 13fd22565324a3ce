"""Density, coverage, precision and recall against the package of Naeem et al."""

from __future__ import annotations

import numpy as np
import pytest
from prdc import compute_prdc

from m2l_bench.metrics.prdc import NEIGHBOURS, precision_recall_density_coverage


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.4), (0.2, 2.0)])
def test_the_package_gives_the_same(shift: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((700, 16)), shift + spread * rng.standard_normal((600, 16))
    theirs = compute_prdc(x, y, NEIGHBOURS)
    ours = precision_recall_density_coverage(np.split(x, 70), np.split(y, 60))._asdict()
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert len(set(theirs.values())) > 1
