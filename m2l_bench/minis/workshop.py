"""Rendering of a dataset into a folder: existing files are kept, and an incomplete folder is marked as such."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.audio import Audio, flac_bytes
from m2l_bench.datasets.places import MARKER, command_for, filling
from m2l_bench.errors import UserError
from m2l_bench.minis.synth import RATE
from m2l_bench.music2latent.files import write_atomically
from m2l_bench.progress import Progress

RECIPE = "recipe.json"


@dataclass(frozen=True)
class Job:
    """An audio file of the dataset: FLAC, 44.1 kHz, mono, 16 bit."""

    path: str
    """Path below the dataset's folder."""
    render: Callable[[], Audio]
    """Function that renders the audio."""


@dataclass(frozen=True)
class Plan:
    """All files of a dataset."""

    jobs: Sequence[Job]
    """The audio files."""
    annotations: Mapping[str, bytes]
    """The content of each file that describes the audio, by path."""


def make(
    name: str, folder: Path, recipe: Mapping[str, Any], plan: Callable[[], Plan], progress: Progress
) -> dict[str, int]:
    """Render what is missing, then write the annotations.

    Args:
        name: name of the dataset.
        folder: the dataset's folder.
        recipe: everything that the files depend on; a folder with another recipe is refused.
        plan: makes the plan; it is called only if a file is missing.

    Returns:
        Counts: files, rendered (in this call).

    Raises:
        UserError: the folder cannot be written, was made with another recipe, or holds something else.
    """
    record = _read(folder / RECIPE)
    if record is not None and record["recipe"] != recipe:
        changed = [key for key in recipe if record["recipe"].get(key) != recipe[key]] or ["recipe"]
        raise UserError(f"{folder}: made with another {changed[0]}; delete that folder or name another one")
    if record is None and folder.is_dir() and any(path for path in folder.iterdir() if not path.name.startswith(".")):
        raise UserError(f"{folder}: not empty and not made by this command; name an empty folder")
    if record is not None and record["files"] and not (folder / MARKER).exists():
        missing = [path for path in record["files"] if not (folder / path).is_file()]
        if not missing:
            return {"files": len(record["files"]), "rendered": 0}
    dataset = plan()
    with filling(folder, command_for(name, folder)):
        _write(folder / RECIPE, _json({"recipe": recipe, "files": []}))
        missing_jobs = [job for job in dataset.jobs if not (folder / job.path).is_file()]
        with progress.start(name, len(dataset.jobs), len(dataset.jobs) - len(missing_jobs)) as advance:
            for job in missing_jobs:
                _write(folder / job.path, flac_bytes(job.render(), RATE))
                advance()
        for path, content in dataset.annotations.items():
            _write(folder / path, content)
        files = [*(job.path for job in dataset.jobs), *dataset.annotations]
        _write(folder / RECIPE, _json({"recipe": recipe, "files": files}))
    return {"files": len(files), "rendered": len(missing_jobs)}


def random_for(*names: str) -> np.random.Generator:
    """Make a generator that depends only on these names, so a clip does not depend on what was rendered before it."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def level(audio: Audio, peak: float = 0.7) -> Audio:
    """Scale audio to this peak; silence stays silent."""
    highest = float(np.abs(audio).max())
    return audio if highest == 0.0 else audio * np.float32(peak / highest)


def csv_bytes(head: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> bytes:
    """Write a CSV file as bytes. No field may need quotes."""
    lines = [delimiter.join(map(str, row)) for row in (head, *rows)]
    return ("\n".join(lines) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror})") from error


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable; delete that folder or name another one") from error
