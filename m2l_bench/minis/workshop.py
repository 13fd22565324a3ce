"""Fills a folder with rendered files: what is there is kept, what is half done does not look finished."""

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
from m2l_bench.progress import Progress

RECIPE = "recipe.json"


@dataclass(frozen=True)
class Job:
    """A file of the dataset and how to render it: FLAC, 44.1 kHz, mono, 16 bit."""

    path: str
    """Below the dataset's folder."""
    render: Callable[[], Audio]


@dataclass(frozen=True)
class Plan:
    """Everything in a dataset: audio, and the small files that describe it."""

    jobs: Sequence[Job]
    annotations: Mapping[str, bytes]


def make(
    name: str, folder: Path, recipe: Mapping[str, Any], plan: Callable[[], Plan], progress: Progress
) -> dict[str, int]:
    """Render what is missing, then write the annotations.

    Args:
        recipe: what the files depend on; a folder made by another recipe is refused.
        plan: called only when something is missing.

    Returns:
        counts: files, rendered (now).

    Raises:
        UserError: the folder cannot be written or was made by another recipe.
    """
    made = _read(folder / RECIPE)
    if made is not None and made["recipe"] != recipe:
        changed = [key for key in recipe if made["recipe"].get(key) != recipe[key]] or ["recipe"]
        raise UserError(f"{folder}: made with another {changed[0]}; delete that folder or name another one")
    if made is None and folder.is_dir() and any(path for path in folder.iterdir() if not path.name.startswith(".")):
        raise UserError(f"{folder}: not empty and not made by this command; name an empty folder")
    if made is not None and made["files"] and not (folder / MARKER).exists():
        missing = [path for path in made["files"] if not (folder / path).is_file()]
        if not missing:
            return {"files": len(made["files"]), "rendered": 0}
    planned = plan()
    with filling(folder, command_for(name, folder)):
        _write(folder / RECIPE, _json({"recipe": recipe, "files": []}))
        todo = [job for job in planned.jobs if not (folder / job.path).is_file()]
        with progress.start(name, len(planned.jobs), len(planned.jobs) - len(todo)) as advance:
            for job in todo:
                _write(folder / job.path, flac_bytes(job.render(), RATE))
                advance()
        for path, content in planned.annotations.items():
            _write(folder / path, content)
        files = [*(job.path for job in planned.jobs), *planned.annotations]
        _write(folder / RECIPE, _json({"recipe": recipe, "files": files}))
    return {"files": len(files), "rendered": len(todo)}


def random_for(*names: str) -> np.random.Generator:
    """A generator that depends on these names only, so that a clip comes out the same whatever is rendered before."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def level(audio: Audio, peak: float = 0.7) -> Audio:
    """The audio scaled to this peak; silence stays silence."""
    highest = float(np.abs(audio).max())
    return audio if highest == 0.0 else audio * np.float32(peak / highest)


def csv_bytes(head: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> bytes:
    """A CSV file as bytes; no field may need quotes."""
    lines = [delimiter.join(map(str, row)) for row in (head, *rows)]
    return ("\n".join(lines) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
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
