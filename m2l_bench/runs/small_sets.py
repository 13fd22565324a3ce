"""Which distance of whole sets is shown: the Fréchet distance, or the kernel distance where sets are too small for it.

A Fréchet distance needs the covariance of the vectors. A set that has no more vectors than dimensions does not tell it,
and the distance is biased upward. The kernel distance of the same vectors needs no covariance. It is shown for all
systems as soon as one has too few vectors, so that the systems can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from m2l_bench.metrics.fad import figure_name
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import StoredDistance


def shown_metrics(names: Iterable[str], runs: Sequence[MeasuredRun]) -> list[str]:
    """Names of the metrics that tables, figures and pages of these runs show in place of `names`, in their order.

    It is `kad_clap` for `fad_clap` if a run has too few vectors and kernel distances are known (they are not where the
    reference is a file of statistics); otherwise the name itself.
    """
    return [_shown_metric(name, [run.distances[name] for run in runs if name in run.distances]) for name in names]


def _shown_metric(name: str, distances: Sequence[StoredDistance]) -> str:
    is_small = any(distance.has_few_vectors for distance in distances)
    # Without resamples they are of version 0.1, which also compared each vector with its own reconstruction.
    has_kernel = any(distance.kernel is not None and distance.kernel_resampled is not None for distance in distances)
    return figure_name(name, "kad") if is_small and has_kernel else name
