"""What can be checked in a submission without any audio: its files, and that its figures follow from its rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.runs.schema import read_stored
from m2l_bench.submissions.figures import submitted_probe, submitted_reconstruction
from m2l_bench.submissions.schema import FILE, RUNS, SCHEMA_VERSION, Figure, Submission, SubmittedRun
from m2l_bench.tables.probes import model_title
from m2l_bench.text import counted, first_of

ROUNDING = 1e-6
"""Relative difference between two computations of one figure, on different processors, that is no difference."""

Status = Literal["ok", "differs", "not checked"]


@dataclass(frozen=True)
class Check:
    """Result of one check."""

    about: str
    """What was checked: files, figures, or a run."""
    status: Status
    detail: str


def read_submission(folder: Path) -> Submission:
    """Read `submission.json`.

    Raises:
        UserError: it is missing, damaged, or of a newer schema version.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("schema_version") if isinstance(content, dict) else None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a submission ({error}); `m2l-bench submit` makes them") from error
    if isinstance(found, int) and found > SCHEMA_VERSION:
        raise UserError(f"{path}: schema {found}, this m2l-bench reads up to {SCHEMA_VERSION}: update it")
    return read_stored(path, Submission.model_validate, content, "ask its author for another copy")


def check_submission(folder: Path) -> list[Check]:
    """Check the files and the figures of a submission.

    Raises:
        UserError: `submission.json` cannot be read.
    """
    submission = read_submission(folder)
    problems = list(_wrong_files(folder, submission))
    count = counted(len(submission.files), "file")
    files = Check("files", "differs" if problems else "ok", first_of(problems, 5, "; ") or f"{count}, all unchanged")
    if problems:
        return [files]
    problems = [problem for run in submission.runs for problem in _wrong_figures(folder, run)]
    listed = {run.folder for run in submission.runs}
    problems += [
        f"{path}: a run that submission.json does not list" for path in _run_folders(folder) if path not in listed
    ]
    stated = counted(sum(len(run.figures) for run in submission.runs), "figure")
    detail = f"{stated} of {counted(len(submission.runs), 'run')} follow from the rows"
    return [files, Check("figures", "differs" if problems else "ok", first_of(problems, 5, "; ") or detail)]


def reconstruction(folder: Path, run: SubmittedRun) -> MeasuredRun:
    """Read a submitted run of reconstructions.

    Raises:
        UserError: a file of it is damaged.
    """
    place = folder / run.folder
    measured = measured_runs(folder / RUNS, place.parent.name, {place}).runs
    return measured[0]


def _wrong_files(folder: Path, submission: Submission) -> Iterator[str]:
    for name, stated in submission.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.parts[0] != RUNS:
            yield f"{name}: not a path inside {RUNS}/"
            return
        file = folder / name
        if file.is_symlink() or not file.resolve().is_relative_to(folder.resolve()):
            yield f"{name}: a link, which is not followed"
        elif not file.is_file():
            yield f"{name}: missing"
        elif file.stat().st_size != stated.bytes or file_checksum(file) != stated.sha256:
            yield f"{name}: changed after it was submitted"
    present = {path.relative_to(folder).as_posix() for path in (folder / RUNS).rglob("*") if not path.is_dir()}
    yield from (f"{name}: not listed in {FILE}" for name in sorted(present - submission.files.keys()))
    for run in submission.runs:
        kind = "probe.json" if run.kind == "probe" else "manifest.json"
        if f"{run.folder}/{kind}" not in submission.files:
            yield f"{run.folder}: no {kind} there"


def _run_folders(folder: Path) -> list[str]:
    paths = [path for name in ("manifest.json", "probe.json") for path in (folder / RUNS).rglob(name)]
    return sorted(path.parent.relative_to(folder).as_posix() for path in paths)


def _wrong_figures(folder: Path, stated: SubmittedRun) -> Iterator[str]:
    """Describe what `submission.json` states of a run and its files do not."""
    relative = Path(stated.folder)
    try:
        if stated.kind == "probe":
            probe = ProbeRun(folder / relative)
            computed = submitted_probe(probe, model_title(probe), relative)
        else:
            run = reconstruction(folder, stated)
            outside = [row.id for row in run.measured if row.audio and not _is_below(row.audio, "audio")]
            if outside:
                yield f"{stated.folder}: the audio of {first_of(outside)} is outside the run"
                return
            computed = submitted_reconstruction(run, stated.dataset, relative)
    except (UserError, IndexError) as error:
        yield f"{stated.folder}: cannot be read ({error})"
        return
    for name in ("title", "clips", "not_measured", "audio", "name"):
        if getattr(stated, name) != getattr(computed, name):
            yield f"{stated.folder}: {name} {getattr(stated, name)!r}, its files say {getattr(computed, name)!r}"
    yield from (f"{stated.folder}: {text}" for text in _differences(stated.figures, computed.figures))


def _is_below(path: str, folder: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[:1] == (folder,) and ".." not in parts


def _differences(stated: Mapping[str, Figure], computed: Mapping[str, Figure]) -> Iterator[str]:
    for name in sorted(stated.keys() | computed.keys()):
        first, second = stated.get(name), computed.get(name)
        if first is None or second is None:
            yield f"{name} is only in {FILE if first else 'its files'}"
            continue
        for end in ("value", "low", "high"):
            a, b = getattr(first, end), getattr(second, end)
            if not _equal(a, b):
                yield f"{name}{'' if end == 'value' else f' ({end})'} is stated as {a}, its files give {b}"


def _equal(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return first == second or math.isclose(first, second, rel_tol=ROUNDING, abs_tol=ROUNDING)
