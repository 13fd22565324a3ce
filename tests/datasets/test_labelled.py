from collections import Counter
from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split
from support.trees import tinysol_tree

from m2l_bench.datasets import tinysol
from m2l_bench.datasets.labelled import stratified_splits
from m2l_bench.errors import UserError

LABELS = [f"class {i % 7}" for i in range(201)] + ["rare"] * 11


def test_splits_are_the_two_steps_of_mir_ref() -> None:
    items = list(range(len(LABELS)))
    train, rest, _, labels = train_test_split(
        items, LABELS, test_size=0.19999999999999996, random_state=42, stratify=LABELS
    )
    validation, test, _, _ = train_test_split(rest, labels, test_size=0.5, random_state=42, stratify=labels)
    splits = stratified_splits(LABELS)
    for name, expected in (("train", train), ("validation", validation), ("test", test)):
        assert sorted(expected) == [i for i in items if splits[i] == name]


def test_splits_keep_the_classes_shares() -> None:
    splits = stratified_splits(["a"] * 800 + ["b"] * 200)
    assert Counter(splits) == {"train": 800, "validation": 100, "test": 100}
    assert Counter(splits[800:]) == {"train": 160, "validation": 20, "test": 20}


def test_a_class_too_small_to_split_is_named() -> None:
    with pytest.raises(UserError, match="the class 'rare' has only one member"):
        stratified_splits(["a"] * 100 + ["rare"])
    with pytest.raises(UserError, match="the class 'rare' has 4 members, too few for validation and test"):
        stratified_splits(["a"] * 100 + ["rare"] * 4)


def test_a_split_that_leaves_a_class_empty_is_refused(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set")
    ids = [clip.id for clip in tinysol.load(root).clips]
    rows = "".join(
        f"{id},{'train' if 'C#4' in id else ('train', 'validation', 'test')[i % 3]}\n" for i, id in enumerate(ids)
    )
    (root / "splits.csv").write_text("id,split\n" + rows)
    with pytest.raises(UserError, match="no clip of 'C#' in the validation split"):
        tinysol.load(root)


def test_splits_csv_overrides(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set")
    ids = [clip.id for clip in tinysol.load(root).clips]
    names = ("train", "validation", "test")
    rows = [f"{id},{names[i % 3]},piece {i}\n" for i, id in enumerate(ids)]
    (root / "splits.csv").write_text("id,split,group\n" + "".join(rows))
    clips = tinysol.load(root).clips
    assert [(clip.split, clip.group) for clip in clips] == [(names[i % 3], f"piece {i}") for i in range(20)]
    (root / "splits.csv").write_text("id,split\n" + "".join(rows[:-1]).replace(",piece", ""))
    with pytest.raises(UserError, match="not one of train, validation, test"):
        tinysol.load(root)
    (root / "splits.csv").write_text("id,split,group\n" + "".join(rows[:-1]))
    with pytest.raises(UserError, match=rf"no row for '{ids[-1]}' \(1 clip without one\)"):
        tinysol.load(root)


def test_splits_do_not_depend_on_which_files_are_here(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set")
    whole = {clip.id: clip.split for clip in tinysol.load(root).clips}
    gone = [clip for clip in tinysol.load(root).clips if clip.split == "test" and "C#4" in clip.id]
    for clip in gone:
        clip.path.unlink()
    dataset = tinysol.load(root)
    assert {clip.id: clip.split for clip in dataset.clips}.items() <= whole.items()
    assert dataset.missing == tuple(clip.id for clip in gone)
    assert dataset.notes == ("no file of 'C#' in the test split",)


def test_a_table_that_was_cut_short_is_named(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set")
    csv = root / tinysol.METADATA
    csv.write_text(csv.read_text()[:-20])
    with pytest.raises(UserError, match="line 21 has more or fewer fields than the header"):
        tinysol.load(root)
    csv.write_text("a,b\n")
    with pytest.raises(UserError, match="column 'Path' is missing"):
        tinysol.load(root)
    csv.unlink()
    with pytest.raises(UserError, match="No such file"):
        tinysol.load(root)
