"""TinySOL (Cella et al. 2020): 2,913 single notes of 14 instruments, labelled with pitch class or instrument.

The layout on disk is that of mirdata 1.0.0: `annotation/TinySOL_metadata.csv` and `audio/<its column Path>`. The files
are read directly because mirdata would install 600 MB of packages to read one CSV file, and its wheel has no index; a
test compares the labels with mirdata's own tracks. Items are in the order of the CSV, which is that of mirdata's index
6.0.

mir_ref, with the mirdata that it was written for, uses TinySOL's official folds as its single split (validation 0, test
1, training 2 to 4). `splits="folds"` gives this split, which the tasks `tinysol-pitch` and `tinysol-instrument` use;
the loader's default is 80/10/10, as for the other datasets, which `tinysol-pitch-stratified` and
`tinysol-instrument-stratified` use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from m2l_bench.datasets.base import loader
from m2l_bench.datasets.labelled import LabelledDataset, Listed, Split, assemble, read_rows
from m2l_bench.datasets.places import existing_folder
from m2l_bench.errors import UserError

Target = Literal["pitch_class", "instrument"]
Splits = Literal["stratified", "folds"]
TARGETS: tuple[Target, ...] = get_args(Target)
METADATA = Path("annotation", "TinySOL_metadata.csv")
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SPLIT_OF_FOLD: dict[str, Split] = {"0": "validation", "1": "test", "2": "train", "3": "train", "4": "train"}


@loader(version="1")
def load(
    data: Path | None = None,
    *,
    target: Target = "pitch_class",
    name: str = "tinysol",
    splits: Splits = "stratified",
) -> LabelledDataset:
    """Load the notes with one label each; the id is the file's name without extension, as in mirdata.

    Args:
        target: `pitch_class` (the pitch without its octave, 12 classes) or `instrument` (its English name, 14 classes).
        name: `tinysol`, or `mini-tinysol` for the rendered set in the same layout.
        splits: `stratified` (80/10/10) or `folds` (the official ones).

    Raises:
        UserError: the folder or its CSV is not there or not TinySOL's, a label is wrong, or a class is too small.
    """
    if target not in TARGETS:
        raise UserError(f"{name}: no target '{target}': expected {' or '.join(TARGETS)}")
    root = existing_folder(name, data)
    path = root / METADATA
    column = "Pitch" if target == "pitch_class" else "Instrument (in full)"
    rows = read_rows(path, ("Path", "Fold", column))
    listed, unlabelled, folds = [], [], {}
    for row in rows:
        id, label = Path(row["Path"]).stem, row[column].strip()
        if target == "pitch_class":
            label = "".join(character for character in label if not character.isdigit())
        if not label:
            unlabelled.append(id)
            continue
        if target == "pitch_class" and label not in PITCH_CLASSES:
            raise UserError(f"{path}: '{id}' has the pitch '{row[column]}'; expected one like C#4")
        listed.append(Listed(id, root / "audio" / row["Path"], (label,)))
        folds[id] = row["Fold"]
    present = {clip.labels[0] for clip in listed}
    classes = [label for label in PITCH_CLASSES if label in present] if target == "pitch_class" else sorted(present)
    official_splits = _splits_from_folds(path, folds) if splits == "folds" else None
    return assemble(name, root, listed, classes, splits=official_splits, unlabelled=unlabelled)


def _splits_from_folds(path: Path, folds: dict[str, str]) -> dict[str, Split]:
    unknown = [id for id, fold in folds.items() if fold not in SPLIT_OF_FOLD]
    if unknown:
        raise UserError(f"{path}: '{unknown[0]}' has the fold '{folds[unknown[0]]}'; expected 0 to 4")
    return {id: SPLIT_OF_FOLD[fold] for id, fold in folds.items()}
