"""Datasets with labels: what a probe learns from, split into train, validation and test.

The splits are those of mir_ref (Plachouras et al. 2023), the library of the paper's Table 1: a dataset's own where it
has them, else stratified 80/10/10 in two steps with scikit-learn. They are made from the dataset's whole list, so that
they do not depend on which files are on this machine. A `splits.csv` in the dataset's folder (columns `id`, `split`
and, if wanted, `group`) overrides them.
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

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
SPLITS_CSV = "splits.csv"
SEED = 42
"""mir_ref's."""


@dataclass(frozen=True, kw_only=True)
class LabelledClip(Clip):
    """A clip, what is true of it, and what it serves for."""

    labels: tuple[str, ...]
    """The class, or all tags that hold."""
    split: Split
    group: str = ""
    """The piece or artist it comes from, where that is known: clips of one group share a split."""


@dataclass(frozen=True, kw_only=True)
class LabelledDataset(Dataset):
    """The labelled clips that are on this machine, and what is known of the rest."""

    clips: tuple[LabelledClip, ...]
    classes: tuple[str, ...]
    """Every class or tag, in a fixed order."""
    multilabel: bool = False
    """Whether a clip can have several labels."""
    unlabelled: tuple[str, ...] = ()
    """Ids that the dataset lists without a label: left out."""


@dataclass(frozen=True)
class Listed:
    """A clip as the dataset lists it, whether its file is on this machine or not."""

    id: str
    path: Path
    labels: tuple[str, ...]


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
) -> LabelledDataset:
    """A dataset from its list: clips are split, those without a file become `missing`.

    Args:
        splits: the dataset's own, by id; None: stratified.

    Raises:
        UserError: nothing is listed or none of it is there, a split cannot be made, or it leaves a class empty.
    """
    if not listed:
        raise UserError(f"{root}: no labelled clip of {name} in it; `{command_for(name, root)}` brings them")
    groups: dict[str, str] = {}
    if (root / SPLITS_CSV).is_file():
        splits, groups = read_splits(root / SPLITS_CSV)
    elif splits is None:
        made = stratified_splits([clip.labels[0] for clip in listed], where=str(root))
        splits = {clip.id: split for clip, split in zip(listed, made, strict=True)}
    unsplit = [clip.id for clip in listed if clip.id not in splits]
    if unsplit:
        raise UserError(f"{root / SPLITS_CSV}: no row for '{unsplit[0]}' ({len(unsplit)} clips have none)")
    every = [
        LabelledClip(clip.id, clip.path, labels=clip.labels, split=splits[clip.id], group=groups.get(clip.id, ""))
        for clip in listed
    ]
    empty = empty_classes(every, classes)
    if empty:
        raise UserError(f"{root}: no clip of '{empty[0][0]}' in the {empty[0][1]} split; every class must be in all")
    clips = tuple(clip for clip in every if clip.path.is_file())
    if not clips:
        raise UserError(f"{root}: none of the {len(every)} files that {name} lists is there (first: {every[0].path})")
    gaps = [f"no file of '{label}' in the {split} split" for label, split in empty_classes(clips, classes)]
    return LabelledDataset(
        clips=clips,
        classes=tuple(classes),
        multilabel=multilabel,
        label=name,
        root=str(root),
        missing=tuple(clip.id for clip in every if not clip.path.is_file()),
        unlabelled=tuple(unlabelled),
        notes=(*notes, *gaps),
    )


def stratified_splits(labels: Sequence[str], seed: int = SEED, where: str = "the dataset") -> list[Split]:
    """A split for each item, 80/10/10, with the classes' shares in each.

    mir_ref's two steps: `train_test_split(test_size=1 - 0.8)` takes the training items out, then one of the rest with
    `test_size=0.1 / (0.1 + 0.1)` makes validation and test, both stratified, both with `random_state=seed`.

    Args:
        labels: one class an item, in the order of the dataset's list: the order decides who goes where.

    Raises:
        UserError: a class is too small to be in all three splits.
    """
    from sklearn.model_selection import train_test_split

    count = Counter(labels)
    rarest = min(count, key=lambda label: count[label])
    if count[rarest] < 2:
        raise UserError(f"{where}: the class '{rarest}' has one member; it takes one for each split: leave it out")
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
    """The classes and the splits that hold none of them."""
    held = {(label, clip.split) for clip in clips for label in clip.labels}
    return [(label, split) for label in classes for split in SPLITS if (label, split) not in held]


def read_splits(path: Path) -> tuple[dict[str, Split], dict[str, str]]:
    """Split and group of each id in a `splits.csv`.

    Raises:
        UserError: the file is unreadable, lacks a column, or names another split than train, validation and test.
    """
    splits: dict[str, Split] = {}
    groups: dict[str, str] = {}
    for row in read_rows(path, ("id", "split")):
        named = [split for split in SPLITS if split == row["split"]]
        if not named:
            raise UserError(f"{path}: '{row['id']}' has the split '{row['split']}', not one of {', '.join(SPLITS)}")
        splits[row["id"]] = named[0]
        groups[row["id"]] = row.get("group") or ""
    return splits, groups


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a CSV file that has at least these columns.

    Raises:
        UserError: the file is missing or unreadable, a column is missing, or a row has not as many fields as the head.
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
            raise UserError(f"{path}: line {number} has not as many fields as the head; the file may be cut short")
    return rows
