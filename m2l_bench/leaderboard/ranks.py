"""Ranks that say no more than the measurements: systems whose difference is not significant share a rank."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from m2l_bench.report.matrices import Matrix


class Rank(NamedTuple):
    """Places that a system may have: 1 is the best."""

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}\N{EN DASH}{self.worst}"


def ranks(matrix: Matrix, systems: Collection[str]) -> dict[str, Rank]:
    """Rank systems by the significant differences in one metric.

    A system's best place is after all that are significantly better, its worst place before all that are significantly
    worse. Pairs without a significant difference, and pairs that cannot be compared, decide nothing.

    Args:
        systems: names of the systems that are ranked; others, such as anchors, do not count.
    """
    names = [name for name in matrix.names if name in systems]
    places = {}
    for row, name in zip(matrix.rows, matrix.names, strict=True):
        if name in names:
            verdicts = [
                cell.verdict for cell, other in zip(row, matrix.names, strict=True) if cell and other in systems
            ]
            places[name] = Rank(1 + verdicts.count("worse"), len(names) - verdicts.count("better"))
    return places
