"""Splits by group: a piece, and everything rendered from it, is in one split only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from m2l_bench.datasets.labelled import SPLITS, SPLITS_CSV, Split
from m2l_bench.errors import UserError
from m2l_bench.minis.workshop import csv_bytes

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
TRIES = 2_000


def split_groups(labels: Mapping[str, Sequence[frozenset[str]]], least: int, seed: int = 42) -> dict[str, Split]:
    """A split for each group, near 80/10/10 of the clips; of many random ones that where the rarest label fares best.

    Args:
        labels: of each group's clips, the labels that hold.
        least: clips that must have a label, and clips that must lack it, in every split.

    Raises:
        UserError: no split gives every label that many.
    """
    groups = sorted(labels)
    names = sorted({label for clips in labels.values() for clip in clips for label in clip})
    has = np.array([[sum(name in clip for clip in labels[group]) for name in names] for group in groups])
    sizes = np.array([len(labels[group]) for group in groups])
    best: tuple[int, dict[str, Split]] | None = None
    for attempt in range(TRIES):
        order = np.random.default_rng([seed, attempt]).permutation(len(groups))
        # A group goes where the middle of its clips falls on the line from 0 to 1.
        ends = np.cumsum(sizes[order])
        middle = (ends - sizes[order] / 2) / ends[-1]
        part = np.empty(len(groups), int)
        part[order] = np.searchsorted([SHARES["train"], SHARES["train"] + SHARES["validation"]], middle, side="right")
        held = np.stack([has[part == i].sum(0) for i in range(3)])
        clips = np.array([sizes[part == i].sum() for i in range(3)])
        rarest = int(np.minimum(held, clips[:, None] - held).min())
        if best is None or rarest > best[0]:
            best = rarest, {group: SPLITS[part[i]] for i, group in enumerate(groups)}
    if best is None or best[0] < least:
        raise UserError(
            f"{len(groups)} pieces are too few: no split by piece has every label {least} times in train, "
            "validation and test; give more MIDI files"
        )
    return best[1]


def splits_csv(groups: Mapping[str, str], split_of: Mapping[str, Split]) -> dict[str, bytes]:
    """The file `splits.csv` that the loaders read.

    Args:
        groups: of each clip's id, its group.
    """
    rows = [(id, split_of[group], group) for id, group in groups.items()]
    return {SPLITS_CSV: csv_bytes(("id", "split", "group"), rows)}
