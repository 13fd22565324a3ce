"""Splits by group: everything that is rendered from one piece is in the same split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from m2l_bench.datasets.labelled import SPLITS, SPLITS_CSV, Split
from m2l_bench.errors import UserError
from m2l_bench.minis.workshop import csv_bytes

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
TRIES = 2_000
"""Number of random splits of which the best is used."""


def split_groups(labels: Mapping[str, Sequence[frozenset[str]]], least: int, seed: int = 42) -> dict[str, Split]:
    """Split groups so that about 80/10/10 of the clips are in train, validation and test.

    Of many random splits, the best is the one in which the rarest label has the most clips in every split.

    Args:
        labels: for each group, the labels of each of its clips.
        least: minimum number of clips with a label, and of clips without it, in every split.

    Returns:
        The split of each group.

    Raises:
        UserError: no split has at least this many clips.
    """
    groups = sorted(labels)
    names = sorted({label for clips in labels.values() for clip in clips for label in clip})
    counts = np.array([[sum(name in clip for clip in labels[group]) for name in names] for group in groups])
    sizes = np.array([len(labels[group]) for group in groups])
    best: tuple[int, dict[str, Split]] | None = None
    for attempt in range(TRIES):
        order = np.random.default_rng([seed, attempt]).permutation(len(groups))
        # The groups are laid out in this order on the line from 0 to 1; the middle of a group decides its split.
        ends = np.cumsum(sizes[order])
        middle = (ends - sizes[order] / 2) / ends[-1]
        split = np.empty(len(groups), int)
        split[order] = np.searchsorted([SHARES["train"], SHARES["train"] + SHARES["validation"]], middle, side="right")
        clips_with_label = np.stack([counts[split == i].sum(0) for i in range(3)])
        clips = np.array([sizes[split == i].sum() for i in range(3)])
        rarest = int(np.minimum(clips_with_label, clips[:, None] - clips_with_label).min())
        if best is None or rarest > best[0]:
            best = rarest, {group: SPLITS[split[i]] for i, group in enumerate(groups)}
    if best is None or best[0] < least:
        raise UserError(
            f"too few pieces ({len(groups)}): no split by piece has every label {least} times in train, "
            "validation and test; add more MIDI files"
        )
    return best[1]


def splits_csv(groups: Mapping[str, str], split_of: Mapping[str, Split]) -> dict[str, bytes]:
    """Write the file `splits.csv` that the loaders read.

    Args:
        groups: the group of each clip, by id.
        split_of: the split of each group.

    Returns:
        The content of the file, by its name.
    """
    rows = [(id, split_of[group], group) for id, group in groups.items()]
    return {SPLITS_CSV: csv_bytes(("id", "split", "group"), rows)}
