"""The files of a probe run, and how to find them again.

    RUNS/probe-<task>/<model>/
        probe.json      what was run: task and model cards, seeds, hyperparameters, dataset; where and when
        items.json      test clips with their labels, in the order of the scores
        scores.npy      (seeds, test clips, classes) probabilities
        results.json    every metric: seeds, interval, resampled values; histories; confusion matrix. Written last.

A folder with `results.json` is finished. A command that would not give the same numbers starts `<model>~2`, and so on.
The manifest has another file name than that of a reconstruction, so neither is mistaken for the other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from m2l_bench.cards import AdapterCard, ProbeTaskCard
from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, locked_folder, numbered, write_atomically
from m2l_bench.runs.migration import migrated_probe
from m2l_bench.runs.order import newest_first
from m2l_bench.runs.reconstruction import read_versioned
from m2l_bench.runs.schema import (
    Origin,
    ProbeItems,
    ProbeKey,
    ProbeManifest,
    ProbeResults,
    StoredModelCard,
    StoredTaskCard,
    read_stored,
)

Content = TypeVar("Content", ProbeItems, ProbeResults)

MANIFEST = "probe.json"


@dataclass(frozen=True)
class ProbeRun:
    """A probe's folder."""

    folder: Path

    @property
    def finished(self) -> bool:
        return (self.folder / "results.json").is_file()

    @cached_property
    def manifest(self) -> ProbeManifest:
        """The manifest: what was run.

        Raises:
            UserError: the file is damaged, or of a newer schema version.
        """
        path = self.folder / MANIFEST
        content = migrated_probe(read_versioned(path))
        return read_stored(path, ProbeManifest.model_validate, content, f"delete {self.folder} to probe again")

    @property
    def key(self) -> ProbeKey:
        return self.manifest.key

    @cached_property
    def results(self) -> ProbeResults:
        return self._read("results.json", ProbeResults)

    @cached_property
    def items(self) -> ProbeItems:
        return self._read("items.json", ProbeItems)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Probabilities, (seeds, test clips, classes).

        Raises:
            UserError: the file is damaged.
        """
        try:
            scores: NDArray[np.float32] = np.load(self.folder / "scores.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{self.folder / 'scores.npy'}: damaged ({error}); delete the folder") from error
        return scores

    @property
    def label(self) -> str:
        """Name of the run's row in a table: model, classifier (unless the paper's), part of the training set."""
        key = self.key
        classifier = "" if key.classifier == "mlp" else f"@{key.classifier}"
        return key.model + classifier + ("" if self.is_whole else f"@train{key.fraction:g}")

    @property
    def is_whole(self) -> bool:
        """Whether it was trained on all training clips."""
        return self.key.fraction == 1

    def write(self, items: ProbeItems, scores: NDArray[np.float32], results: ProbeResults) -> None:
        """Write everything but the manifest; `results.json` last.

        Raises:
            UserError: a file cannot be written.
        """
        content = io.BytesIO()
        np.save(content, scores, allow_pickle=False)
        with explain_write_errors(self.folder):
            write_atomically(self.folder / "items.json", items.model_dump_json().encode())
            write_atomically(self.folder / "scores.npy", content.getvalue())
            write_atomically(self.folder / "results.json", results.model_dump_json().encode())

    def _read(self, name: str, kind: type[Content]) -> Content:
        path, advice = self.folder / name, "delete its folder to have it measured again"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}); {advice}") from error
        return read_stored(path, kind.model_validate, content, advice)


@contextmanager
def open_probe(
    out: Path,
    key: ProbeKey,
    name: str,
    task: ProbeTaskCard,
    card: AdapterCard,
    origin: Origin,
    former_identity: str = "",
) -> Iterator[ProbeRun]:
    """Open the run with this key below `out`, or start it, and keep other processes out of it.

    Args:
        name: name of the run's folder; see `folder_name`.
        task, card: cards of the task and of the model; the manifest keeps them.
        origin: when and with what the command works.
        former_identity: identity that m2l-bench 0.1 gave to the same model.

    Raises:
        UserError: the folder cannot be written, or another process works on this run.
    """
    keys = [key, key.model_copy(update={"model_identity": former_identity})]

    def choose(parent: Path) -> Path:
        number = 1
        while True:
            folder = parent / numbered(name, number)
            if not (folder / MANIFEST).exists() or ProbeRun(folder).key in keys:
                return folder
            number += 1

    with locked_folder(out / f"probe-{key.task}", choose) as folder:
        run = ProbeRun(folder)
        if not run.finished:
            manifest = ProbeManifest(
                key=key,
                task=StoredTaskCard.model_validate(task.model_dump()),
                card=StoredModelCard.model_validate(card.model_dump()),
                made=origin.model_copy(update={"number": _last_number(folder.parent) + 1}),
            )
            with explain_write_errors(folder):
                write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2).encode())
        yield run


def _last_number(task: Path) -> int:
    """Find the highest number of a command on the probes in a folder; damaged manifests do not count."""
    last = 0
    for path in task.glob(f"*/{MANIFEST}"):
        with suppress(UserError):
            last = max(last, ProbeRun(path.parent).manifest.made.number)
    return last


def folder_name(key: ProbeKey, default_seeds: int) -> str:
    """Name of a run's folder: the model, and settings that differ from the task's card."""
    return (
        key.model
        + ("" if key.classifier == "mlp" else f"@{key.classifier}")
        + (f"@seeds{key.seeds}" if key.seeds != default_seeds and key.classifier != "knn" else "")
        + (f"@train{key.fraction:g}" if key.fraction != 1 else "")
    )


def find_probes(out: Path) -> list[ProbeRun]:
    """Find all finished probes below `out`."""
    runs = [ProbeRun(path.parent) for path in sorted(out.glob(f"probe-*/*/{MANIFEST}"))]
    return [run for run in runs if run.finished]


def newest_probes(runs: Iterable[ProbeRun]) -> tuple[dict[tuple[str, str], ProbeRun], list[str]]:
    """Select the newest run of each task, model, classifier and fraction, on the newest version of each task's data.

    Returns:
        the runs by task and label, the newest first; and notes that name the other runs.
    """
    newest: dict[tuple[str, str], ProbeRun] = {}
    notes = []
    data: dict[str, tuple[str, str]] = {}
    for run in newest_first((run.folder.parent, run.manifest.made, run) for run in runs):
        key = run.key
        if data.setdefault(key.task, (key.dataset, key.task_digest)) != (key.dataset, key.task_digest):
            notes.append(f"{key.task}: {run.folder.name} is on other data, not shown; run it again")
        elif (key.task, run.label) in newest:
            notes.append(f"{key.task}: {run.folder.name} is an earlier run, not shown")
        else:
            newest[key.task, run.label] = run
    return newest, notes
