"""What can be checked in a submission without any audio: its files, and that its figures follow from its rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.runs.files import file_name
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.runs.schema import read_stored
from m2l_bench.submissions.figures import submitted_probe, submitted_reconstruction
from m2l_bench.submissions.schema import (
    FILE,
    RUN_FILES,
    RUNS,
    SCHEMA_VERSION,
    Figure,
    Submission,
    SubmittedFile,
    SubmittedRun,
)
from m2l_bench.tables.probes import model_title
from m2l_bench.text import counted, first_of, one_line

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
        json.dumps(content, ensure_ascii=False).encode()  # a text may hold half of a character
        version = content.get("schema_version") if isinstance(content, dict) else None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a submission ({one_line(error)}); `m2l-bench submit` makes them") from error
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UserError(f"{path}: has schema {version}, but this m2l-bench reads up to {SCHEMA_VERSION}: update it")
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
    problems = [problem for run in submission.runs for problem in _wrong_figures(folder, submission, run)]
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
    if not submission.runs:
        yield "it has no runs"
    links = [path for path in [folder / RUNS, *(folder / RUNS).rglob("*")] if path.is_symlink()]
    yield from (f"{path.relative_to(folder)}: a link, which is not followed" for path in links[:3])
    folders = [run.folder for run in submission.runs]
    yield from (f"{name}: listed twice" for name in sorted({name for name in folders if folders.count(name) > 1}))
    allowed = {f"{run.folder}/{name}" for run in submission.runs for name in RUN_FILES[run.kind]}
    audio = {f"{run.folder}/audio" for run in submission.runs if run.kind == "reconstruction"}
    for run in submission.runs:
        parent = file_name(run.dataset) if run.kind == "reconstruction" else f"probe-{run.dataset}"
        if run.folder != f"{RUNS}/{parent}/{run.name}" or "/" in parent:
            yield f"{run.folder}: expected {RUNS}/{parent}/{run.name}"
        missing = f"{run.folder}/{RUN_FILES[run.kind][0]}"
        if missing not in submission.files:
            yield f"{missing}: missing"
    for name, stated in submission.files.items():
        if name not in allowed and (str(PurePosixPath(name).parent) not in audio or not _is_plain(name)):
            yield f"{name[:80]!r}: not a file of a run that is listed"
        elif not links and not _is_unchanged(folder / name, stated):
            yield f"{name}: missing, or changed after it was submitted"
    present = {path.relative_to(folder).as_posix() for path in (folder / RUNS).rglob("*") if not path.is_dir()}
    yield from (f"{name}: not listed in {FILE}" for name in sorted(present - submission.files.keys()))


def _is_plain(name: str) -> bool:
    return PurePosixPath(name).as_posix() == name and not {"\0", "\\"} & set(name) and "/../" not in name


def _is_unchanged(path: Path, stated: SubmittedFile) -> bool:
    try:
        return path.stat().st_size == stated.bytes and file_checksum(path) == stated.sha256
    except (OSError, ValueError):
        return False


def _wrong_figures(folder: Path, submission: Submission, stated: SubmittedRun) -> Iterator[str]:
    """Describe what `submission.json` states of a run, but its files do not."""
    relative = Path(stated.folder)
    try:
        if stated.kind == "probe":
            probe = ProbeRun(folder / relative)
            computed = submitted_probe(probe, model_title(probe), relative)
        else:
            run = reconstruction(folder, stated)
            yield from _wrong_manifest(submission, stated, run)
            computed = submitted_reconstruction(run, relative)
    except Exception as error:  # files of others can be wrong in any way
        yield f"{stated.folder}: cannot be read ({one_line(error)})"
        return
    for name in ("dataset", "name", "title", "clips", "not_measured", "audio"):
        if getattr(stated, name) != getattr(computed, name):
            yield f"{stated.folder}: {name} is {getattr(stated, name)!r}, but its files say {getattr(computed, name)!r}"
    yield from (f"{stated.folder}: {text}" for text in _differences(stated.figures, computed.figures))


def _wrong_manifest(submission: Submission, stated: SubmittedRun, run: MeasuredRun) -> Iterator[str]:
    """Describe what a manifest lacks, or has and should not."""
    outside = [row.id for row in run.rows if row.audio and f"{stated.folder}/{row.audio}" not in submission.files]
    if outside:
        yield f"{stated.folder}: the audio of {first_of(outside)} is not in the submission"
    if run.manifest.key.root:
        yield f"{stated.folder}: its manifest names a folder, {run.manifest.key.root!r}"
    names = {name for name in stated.figures if name in PAIRED} | run.distances.keys()
    missing = sorted(names - run.manifest.metric_versions.keys())
    if missing:
        yield f"{stated.folder}: its manifest has no version of {first_of(missing)}"


def _differences(stated: Mapping[str, Figure], computed: Mapping[str, Figure]) -> Iterator[str]:
    for name in sorted(stated.keys() | computed.keys()):
        first, second = stated.get(name), computed.get(name)
        if first is None or second is None:
            yield f"{name} is only in {FILE if first else 'its files'}"
            continue
        for end in ("value", "low", "high"):
            a, b = getattr(first, end), getattr(second, end)
            if not _equal(a, b):
                yield f"{name}{'' if end == 'value' else f' ({end})'} is stated as {a}, but its files give {b}"


def _equal(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return first == second or math.isclose(first, second, rel_tol=ROUNDING, abs_tol=ROUNDING)
