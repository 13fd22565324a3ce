"""A check of a dataset on this machine: what is there, what is missing, and what cannot be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench import audio
from m2l_bench.datasets import beatport_key, magnatagatune, marble, nsynth, tinysol
from m2l_bench.datasets.labelled import SPLITS, LabelledDataset
from m2l_bench.errors import BadClip, UserError
from m2l_bench.progress import Progress

OWN = ("tinysol", "beatport_key", "magnatagatune", "mini-tinysol", "mini-beatport", "mini-magnatagatune")
"""Datasets that `m2l-bench data get` or `data make` puts on this machine."""
NAMES = (*OWN, *marble.TASKS, "nsynth")


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        name: name of the dataset.
        datasets: for each task, the dataset as this task loads it; the files are the same for all tasks.
        unreadable: the reason for each clip that cannot be read, by id.
    """

    name: str
    datasets: dict[str, LabelledDataset]
    unreadable: dict[str, str]

    @property
    def sound(self) -> bool:
        """Whether every listed clip has a label and a readable file."""
        return not self.unreadable and not any(data.missing or data.unlabelled for data in self.datasets.values())

    def counts(self, task: str) -> dict[str, dict[str, int]]:
        """Count the clips on this machine per class and split."""
        data = self.datasets[task]
        counts = Counter((label, clip.split) for clip in data.clips for label in clip.labels)
        return {label: {split: counts[label, split] for split in SPLITS} for label in data.classes}

    def summary(self) -> dict[str, Any]:
        """Summarise the report as values that JSON can hold."""
        first = next(iter(self.datasets.values()))
        return {
            "name": self.name,
            "folder": first.root,
            "clips": len(first.clips),
            "splits": dict(Counter(clip.split for clip in first.clips)),
            "counts": {task: self.counts(task) for task in self.datasets},
            "missing": list(first.missing),
            "unlabelled": sorted({id for data in self.datasets.values() for id in data.unlabelled}),
            "unreadable": self.unreadable,
            "notes": list(first.notes),
        }


def check(name: str, folder: Path | None, progress: Progress) -> Report:
    """Check a dataset by reading the header of every file.

    Args:
        folder: the dataset's folder; None: the default one.

    Raises:
        UserError: the dataset is not there, or its lists are not readable.
    """
    datasets = load_tasks(name, folder)
    clips = next(iter(datasets.values())).clips
    unreadable: dict[str, str] = {}
    with progress.start(name, len(clips), 0) as advance:
        for clip in clips:
            try:
                if audio.duration_seconds(clip.path) <= 0.0:
                    raise BadClip("no samples in the file")
            except BadClip as error:
                unreadable[clip.id] = f"{clip.path}: {error}"
            advance()
    return Report(name, datasets, unreadable)


def load_tasks(name: str, folder: Path | None) -> dict[str, LabelledDataset]:
    """Load a dataset once for each of its tasks.

    Raises:
        UserError: there is no such dataset, it is not there, or its lists are not readable.
    """
    if name.endswith("tinysol"):
        splits: tinysol.Splits = "folds" if name == "tinysol" else "stratified"
        return {target: tinysol.load(folder, name=name, target=target, splits=splits) for target in tinysol.TARGETS}
    if name in ("beatport_key", "mini-beatport"):
        return {"key": beatport_key.load(folder, name=name)}
    if name.endswith("magnatagatune"):
        return {"tags": magnatagatune.load(folder, name=name)}
    if name in marble.TASKS:
        return {target: marble.load(folder, name=name, target=target) for target in marble.TASKS[name]}
    if name == "nsynth":
        return {target: nsynth.load(folder, target=target) for target in nsynth.TARGETS}
    raise UserError(f"no dataset called '{name}': expected one of {', '.join(NAMES)}")
