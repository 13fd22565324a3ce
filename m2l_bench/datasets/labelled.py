"""Datasets with labels for probes, split into train, validation and test.

The splits are those of mir_ref (Plachouras et al. 2023), the library of the paper's Table 1: a dataset's own splits
where it has them, otherwise stratified 80/10/10 in two steps with scikit-learn. They are made from the dataset's whole
list, so they do not depend on which files are on this machine. A `splits.csv` in the dataset's folder (columns `id`,
`split` and optionally `group`) replaces them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.datasets.places import command_for
from m2l_bench.errors import UserError
from m2l_bench.text import counted

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
SPLITS_CSV = "splits.csv"
SEED = 42
"""Random seed of the splits, the same as in mir_ref."""


@dataclass(frozen=True, kw_only=True)
class LabelledClip(Clip):
    """A clip with its labels and its split."""

    labels: tuple[str, ...]
    """The class of the clip, or all of its tags."""
    split: Split
    group: str = ""
    """The piece or artist that the clip comes from, where it is known: clips of one group share a split."""


@dataclass(frozen=True, kw_only=True)
class LabelledDataset(Dataset):
    """The labelled clips that are on this machine, and the ids of those that are not."""

    clips: tuple[LabelledClip, ...]
    classes: tuple[str, ...]
    """Every class or tag, in a fixed order."""
    multilabel: bool = False
    """Whether a clip can have several labels."""
    test_by_group: bool = False
    """Whether the items of the test are groups of clips, over whose scores the probe averages."""
    unlabelled: tuple[str, ...] = ()
    """Ids that the dataset lists without a label: left out."""


@dataclass(frozen=True)
class Listed:
    """A clip as the dataset lists it, whether its file is on this machine or not."""

    id: str
    path: Path
    labels: tuple[str, ...]
    group: str = ""
    """The track that the clip was cut from, where the dataset lists it."""


def assemble(
    name: str,
    root: Path,
    listed: Sequence[Listed],
    classes: Sequence[str],
    *,
    splits: Mapping[str, Split] | None = None,
    multilabel: bool = False,
    unlabelled: Iterable[str] = (),
    notes: Iterable[str] = (),
    gaps_allowed: bool = False,
) -> LabelledDataset:
    """Make a dataset from its list: clips are split, and those without a file become `missing`.

    Args:
        name: name of the dataset, which becomes its label.
        root: folder of the dataset.
        listed: every clip that the dataset lists.
        classes: every class or tag.
        splits: the dataset's own split of each id; None: stratified splits. A `splits.csv` in `root` comes first.
        multilabel: whether a clip can have several labels.
        unlabelled: ids that the dataset lists without a label.
        notes: remarks for the user.
        gaps_allowed: whether a split of the whole list may lack a class, as in some published splits.

    Raises:
        UserError: nothing is listed, no file is there, the clips cannot be split, or a split lacks a class.
    """
    if not listed:
        raise UserError(f"{root}: no labelled clip of {name} in it; `{command_for(name, root)}` gets them")
    groups: dict[str, str] = {}
    if (root / SPLITS_CSV).is_file():
        splits, groups = read_splits(root / SPLITS_CSV)
    elif splits is None:
        split_list = stratified_splits([clip.labels[0] for clip in listed], where=str(root))
        splits = {clip.id: split for clip, split in zip(listed, split_list, strict=True)}
    unsplit = [clip.id for clip in listed if clip.id not in splits]
    if unsplit:
        raise UserError(f"{root / SPLITS_CSV}: no row for '{unsplit[0]}' ({counted(len(unsplit), 'clip')} without one)")
    all_clips = [
        LabelledClip(
            clip.id, clip.path, labels=clip.labels, split=splits[clip.id], group=groups.get(clip.id, clip.group)
        )
        for clip in listed
    ]
    empty = empty_classes(all_clips, classes)
    if empty and not gaps_allowed:
        label, split = empty[0]
        raise UserError(f"{root}: no clip of '{label}' in the {split} split; every split needs clips of every class")
    clips = tuple(clip for clip in all_clips if clip.path.is_file())
    if not clips:
        first = all_clips[0].path
        raise UserError(
            f"{root}: none of the {counted(len(all_clips), 'file')} that {name} lists is there (first: {first})"
        )
    gaps = [f"no file of '{label}' in the {split} split" for label, split in empty_classes(clips, classes)]
    return LabelledDataset(
        clips=clips,
        classes=tuple(classes),
        multilabel=multilabel,
        label=name,
        root=str(root),
        missing=tuple(clip.id for clip in all_clips if not clip.path.is_file()),
        unlabelled=tuple(unlabelled),
        notes=(*notes, *gaps),
    )


def stratified_splits(labels: Sequence[str], seed: int = SEED, where: str = "the dataset") -> list[Split]:
    """Split items 80/10/10 so that every split has about the same shares of the classes.

    As in mir_ref there are two steps: `train_test_split(test_size=1 - 0.8)` selects the training items, and a second
    call with `test_size=0.1 / (0.1 + 0.1)` splits the rest into validation and test. Both are stratified and use
    `random_state=seed`.

    Args:
        labels: one class per item, in the order of the dataset's list, which decides the result.
        where: what is split, for the message.

    Returns:
        The split of each item.

    Raises:
        UserError: a class is too small to be in all three splits.
    """
    from sklearn.model_selection import train_test_split

    count = Counter(labels)
    rarest = min(count, key=lambda label: count[label])
    if count[rarest] < 2:
        raise UserError(f"{where}: the class '{rarest}' has only one member, but each split needs one; leave it out")
    try:
        _, rest, _, rest_labels = train_test_split(
            range(len(labels)), labels, test_size=1 - 0.8, random_state=seed, stratify=labels
        )
        validation, test = train_test_split(rest, test_size=0.1 / (0.1 + 0.1), random_state=seed, stratify=rest_labels)
    except ValueError as error:
        raise UserError(
            f"{where}: {len(labels)} items of {len(count)} classes cannot be split 80/10/10: the class '{rarest}' has "
            f"{count[rarest]} members, too few for validation and test (10 are enough)"
        ) from error
    splits: list[Split] = ["train"] * len(labels)
    for i in validation:
        splits[i] = "validation"
    for i in test:
        splits[i] = "test"
    return splits


def empty_classes(clips: Iterable[LabelledClip], classes: Sequence[str]) -> list[tuple[str, Split]]:
    """List each class with each split that has no clip of it."""
    present = {(label, clip.split) for clip in clips for label in clip.labels}
    return [(label, split) for label in classes for split in SPLITS if (label, split) not in present]


def read_splits(path: Path) -> tuple[dict[str, Split], dict[str, str]]:
    """Read the split and the group of each id from a `splits.csv`.

    Raises:
        UserError: the file is not readable, lacks a column, or names a split other than train, validation and test.
    """
    splits: dict[str, Split] = {}
    groups: dict[str, str] = {}
    for row in read_rows(path, ("id", "split")):
        split = next((split for split in SPLITS if split == row["split"]), None)
        if split is None:
            raise UserError(f"{path}: '{row['id']}' has the split '{row['split']}', not one of {', '.join(SPLITS)}")
        splits[row["id"]] = split
        groups[row["id"]] = row.get("group") or ""
    return splits, groups


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Read the rows of a CSV file that has at least these columns.

    Raises:
        UserError: the file is missing or not readable, a column is missing, or a row and the header have different
            numbers of fields.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as CSV ({getattr(error, 'strerror', None) or error})") from error
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise UserError(f"{path}: column '{absent[0]}' is missing")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise UserError(
                f"{path}: line {number} has more or fewer fields than the header; the file may be incomplete"
            )
    return rows
