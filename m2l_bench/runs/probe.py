"""What a probe leaves on disk, and how it is found again.

    RUNS/probe-<task>/<model>/
        probe.json      what was run: task and model cards, seeds, hyperparameters, dataset; where and when
        items.json      test clips with their labels, in the order of the scores
        scores.npy      (seeds, test clips, classes) probabilities
        results.json    every metric: seeds, interval, resampled values; histories; confusion matrix. Written last.

A folder with `results.json` is finished. A command that would not give the same numbers starts `<model>~2`, and so on.
The manifest is not called as that of a reconstruction, so that neither is taken for the other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.errors import UserError
from m2l_bench.runs.migration import migrated_probe
from m2l_bench.runs.reconstruction import full_disk_is_clear, held_folder, numbered, write_atomically

SCHEMA_VERSION = 2
MANIFEST = "probe.json"


@dataclass(frozen=True)
class ProbeKey:
    """Everything that decides a probe's numbers."""

    task: str
    task_digest: str
    model: str
    model_identity: str
    classifier: str
    """mlp, linear or knn."""
    settings: dict[str, Any]
    seeds: int
    default_seeds: int
    fraction: float
    dataset: str
    """Digest of all listed clips: contents, labels and splits."""
    clips: str
    """Digest of the ids that have features."""
    versions: dict[str, str]
    """Of the probe, the dataset's loader, and of packages that decide numbers."""
    former_model_identity: str = ""
    """By what version 0.1 knew the same model."""

    @property
    def folder(self) -> str:
        """Name of the run's folder: the model, and what was asked for beyond the task's card."""
        return (
            self.model
            + ("" if self.classifier == "mlp" else f"@{self.classifier}")
            + (f"@seeds{self.seeds}" if self.seeds != self.default_seeds and self.classifier != "knn" else "")
            + (f"@train{self.fraction:g}" if self.fraction != 1 else "")
        )

    def as_dict(self) -> dict[str, Any]:
        left_out = ("default_seeds", "former_model_identity")
        return {name: value for name, value in vars(self).items() if name not in left_out}


@dataclass(frozen=True)
class ProbeRun:
    """A folder of a probe."""

    folder: Path

    @property
    def finished(self) -> bool:
        return (self.folder / "results.json").is_file()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        manifest = migrated_probe(_read(self.folder / MANIFEST))
        if manifest.get("schema_version") != SCHEMA_VERSION:
            found = manifest.get("schema_version")
            raise UserError(f"{self.folder / MANIFEST}: of another version of m2l-bench (schema {found})")
        return manifest

    @property
    def key(self) -> dict[str, Any]:
        key: dict[str, Any] = self.manifest["key"]
        return key

    @cached_property
    def results(self) -> dict[str, Any]:
        return _read(self.folder / "results.json")

    @cached_property
    def items(self) -> dict[str, Any]:
        return _read(self.folder / "items.json")

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """(seeds, items, classes)."""
        try:
            scores: NDArray[np.float32] = np.load(self.folder / "scores.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{self.folder / 'scores.npy'}: damaged ({error}); delete the folder") from error
        return scores

    def write(self, items: dict[str, Any], scores: NDArray[np.float32], results: dict[str, Any]) -> None:
        """Everything but the manifest; `results.json` last."""
        content = io.BytesIO()
        np.save(content, scores, allow_pickle=False)
        with full_disk_is_clear(self.folder):
            write_atomically(self.folder / "items.json", json.dumps(items, ensure_ascii=False).encode())
            write_atomically(self.folder / "scores.npy", content.getvalue())
            write_atomically(self.folder / "results.json", json.dumps(results, allow_nan=False).encode())


@contextmanager
def open_probe(out: Path, key: ProbeKey, cards: dict[str, Any], made: dict[str, Any]) -> Iterator[ProbeRun]:
    """The run with this key below `out`, new if there is none, held against other processes.

    Raises:
        UserError: the folder cannot be written, or another process works on this run.
    """
    with held_folder(out / f"probe-{key.task}", lambda parent: _matching_folder(parent, key)) as folder:
        run = ProbeRun(folder)
        if not run.finished:
            manifest = {"schema_version": SCHEMA_VERSION, "key": key.as_dict(), **cards, "made": made}
            with full_disk_is_clear(folder):
                write_atomically(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode())
        yield run


def find_probes(out: Path) -> list[ProbeRun]:
    """All finished probes below `out`."""
    return [
        run for path in sorted(out.glob(f"probe-*/*/{MANIFEST}")) for run in [ProbeRun(path.parent)] if run.finished
    ]


def _matching_folder(parent: Path, key: ProbeKey) -> Path:
    # JSON has no tuples and no difference between 1 and 1.0: keys are compared as they are read again.
    content = json.loads(json.dumps(key.as_dict()))
    same = [content, content | {"model_identity": key.former_model_identity}]
    number = 1
    while True:
        folder = parent / numbered(key.folder, number)
        if not (folder / MANIFEST).exists() or ProbeRun(folder).key in same:
            return folder
        number += 1


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete its folder to have it measured again") from error
    return content
