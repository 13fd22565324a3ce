"""Datasets in the layout of MARBLE v2 (Yuan et al. 2023): GTZAN, GiantSteps Key and MTG-Jamendo, in its splits.

Each task has three lists, `<task>.train.jsonl`, `<task>.val.jsonl` and `<task>.test.jsonl`, with one JSON object per
line. Of its keys these are read: `audio_path`, which begins with `data/` and the name of the dataset's folder; `label`,
a text or a list of tags; and `ori_uid`, the track that a clip was cut from. The folders are those that MARBLE's
download.py gets (github.com/a43992899/MARBLE); its splits are

- GTZAN: the fault-filtered one of Kereliuk et al. 2015, with 443/197/290 tracks, or one less where a broken file is
  left out of the training set;
- GiantSteps: the keys of GiantSteps-MTG for training and validation, by artist, and of GiantSteps Key for the test, as
  clips of 30 s;
- MTG-Jamendo: split 0 of the dataset.

MARBLE scores the tracks of GiantSteps, over whose clips it averages; so does the probe of a dataset with
`test_by_group`. Its emotion dataset has numbers in place of labels, which these probes do not learn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from m2l_bench.datasets.base import loader
from m2l_bench.datasets.beatport_key import KEYS, SHARP_OF
from m2l_bench.datasets.labelled import LabelledDataset, Listed, Split, assemble
from m2l_bench.datasets.places import existing_folder
from m2l_bench.errors import UserError

SUFFIXES: Mapping[Split, str] = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Task:
    """One of MARBLE's tasks."""

    lists: str
    """What the names of its lists begin with."""
    multilabel: bool = False
    keys: bool = False
    """Whether the labels are musical keys."""


TASKS: Mapping[str, Mapping[str, Task]] = {
    "gtzan": {"genre": Task("GTZANGenre")},
    "giantsteps": {"key": Task("GS", keys=True)},
    "mtg_jamendo": {
        "top50": Task("MTGTop50", multilabel=True),
        "genre": Task("MTGGenre", multilabel=True),
        "instrument": Task("MTGInstrument", multilabel=True),
        "mood": Task("MTGMood", multilabel=True),
    },
}
"""The tasks by dataset and target."""


@loader(version="1")
def load(data: Path | None = None, *, name: str, target: str) -> LabelledDataset:
    """Load the clips of a task's three lists; the id is the path below the dataset's folder, without extension.

    Args:
        name: `gtzan`, `giantsteps` or `mtg_jamendo`.
        target: what is to be told, a key of the dataset's entry in `TASKS`.

    Raises:
        UserError: there is no such dataset or target, a list is not there or not in the expected form, or a clip is
            listed twice.
    """
    if target not in TASKS.get(name, {}):
        known = ", ".join(f"{dataset} {target}" for dataset, targets in TASKS.items() for target in targets)
        raise UserError(f"no task '{name} {target}' of MARBLE: expected one of {known}")
    task = TASKS[name][target]
    root = existing_folder(name, data)
    listed: list[Listed] = []
    unlabelled: list[str] = []
    splits: dict[str, Split] = {}
    for split, suffix in SUFFIXES.items():
        path = root / f"{task.lists}.{suffix}.jsonl"
        for number, clip in _read_list(path, root, task.multilabel):
            if clip.id in splits:
                raise UserError(f"{path}: line {number}: '{clip.id}' is listed a second time")
            splits[clip.id] = split
            if task.keys:
                clip = replace(clip, labels=tuple(_key(label, path, number) for label in clip.labels))
            if clip.labels:
                listed.append(clip)
            else:
                unlabelled.append(clip.id)
    present = {label for clip in listed for label in clip.labels}
    classes = [key for key in KEYS if key in present] if task.keys else sorted(present)
    dataset = assemble(
        name,
        root,
        listed,
        classes,
        splits=splits,
        multilabel=task.multilabel,
        unlabelled=unlabelled,
        gaps_allowed=True,
    )
    return replace(dataset, test_by_group=all(clip.group for clip in listed))


def _read_list(path: Path, root: Path, multilabel: bool) -> Iterator[tuple[int, Listed]]:
    """Read a list; yields the number of each line, from 1, and its clip.

    Raises:
        UserError: the file is not there or not readable, or a line is not as expected; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UserError(f"{path}: cannot be read ({reason}); expected a list of MARBLE v2") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
            audio, label = row["audio_path"], row["label"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: line {number}: expected an object with audio_path and label") from error
        labels = label if multilabel else [label]
        if not isinstance(audio, str) or not isinstance(labels, list) or not all(isinstance(t, str) for t in labels):
            expected = "a list of tags" if multilabel else "a text"
            raise UserError(f"{path}: line {number}: expected a text as audio_path and {expected} as label")
        parts = PurePosixPath(audio).parts
        below = PurePosixPath(*parts[2:]) if parts[:1] == ("data",) else PurePosixPath(audio)
        yield number, Listed(str(below.with_suffix("")), root / below, tuple(labels), str(row.get("ori_uid", "")))


def _key(label: str, path: Path, number: int) -> str:
    """Spell a key with sharps.

    Raises:
        UserError: it is not a tonic and a mode.
    """
    tonic, _, mode = label.partition(" ")
    key = f"{SHARP_OF.get(tonic, tonic)} {mode}"
    if key not in KEYS:
        raise UserError(f"{path}: line {number}: '{label}' is not a key such as 'Eb minor'")
    return key
