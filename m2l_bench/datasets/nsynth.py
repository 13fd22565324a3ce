"""NSynth (Engel et al. 2017): 305,979 notes of four seconds, labelled with pitch or family of instruments.

The layout on disk is that of the published archives `nsynth-{train,valid,test}.jsonwav.tar.gz`, which MARBLE (Yuan et
al. 2023) uses as they are: `nsynth-train/examples.json`, one entry per note, and `nsynth-train/audio/<note>.wav`. The
splits are the published ones: no instrument of the training set is in another split, and not every split has all of the
families and pitches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from m2l_bench.datasets.base import loader
from m2l_bench.datasets.labelled import LabelledDataset, Listed, Split, assemble
from m2l_bench.datasets.places import existing_folder
from m2l_bench.errors import UserError

Target = Literal["pitch", "instrument"]
TARGETS: tuple[Target, ...] = get_args(Target)
FOLDERS: Mapping[Split, str] = {"train": "nsynth-train", "validation": "nsynth-valid", "test": "nsynth-test"}


@loader(version="1")
def load(data: Path | None = None, *, target: Target = "pitch") -> LabelledDataset:
    """Load the notes with one label each; the id is NSynth's own.

    Args:
        target: `pitch` (the number of the MIDI note) or `instrument` (one of the 11 families).

    Raises:
        UserError: there is no such target, or an `examples.json` is not there or not NSynth's.
    """
    if target not in TARGETS:
        raise UserError(f"nsynth: no target '{target}': expected {' or '.join(TARGETS)}")
    root = existing_folder("nsynth", data)
    key, kind = ("pitch", int) if target == "pitch" else ("instrument_family_str", str)
    listed: list[Listed] = []
    splits: dict[str, Split] = {}
    for split, folder in FOLDERS.items():
        path = root / folder / "examples.json"
        for id, example in _read_examples(path).items():
            label = example.get(key) if isinstance(example, dict) else None
            if not isinstance(label, kind):
                raise UserError(f"{path}: '{id}' has no {key}")
            listed.append(Listed(id, root / folder / "audio" / f"{id}.wav", (str(label),)))
            splits[id] = split
    classes = sorted({clip.labels[0] for clip in listed}, key=int if target == "pitch" else None)
    return assemble("nsynth", root, listed, classes, splits=splits, gaps_allowed=True)


def _read_examples(path: Path) -> dict[str, Any]:
    """Read the notes of a split by their ids.

    Raises:
        UserError: the file is not there, or holds something else.
    """
    try:
        examples: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise UserError(f"{path}: cannot be read ({reason}); expected NSynth's list of notes") from error
    if not isinstance(examples, dict):
        raise UserError(f"{path}: expected an object with one entry per note")
    return examples
