"""Make a submission from runs. What tells about a machine's owner is left out: host names, paths, times of files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.runs.files import explain_write_errors, file_name, write_atomically
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import ProbeRun, find_probes, newest_probes
from m2l_bench.runs.provenance import now
from m2l_bench.runs.reconstruction import find_runs, rows_as_table
from m2l_bench.runs.schema import Manifest, Origin
from m2l_bench.submissions.figures import submitted_probe, submitted_reconstruction
from m2l_bench.submissions.schema import FILE, RUN_FILES, RUNS, Code, Submission, SubmittedFile, SubmittedRun
from m2l_bench.tables.probes import model_title

FOLDERS = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\~](?:[^\s\"':;,/\\]*[/\\])*")
"""An absolute path up to its last part; not the slashes of a web address."""


@dataclass(frozen=True)
class Statement:
    """What the submitter states, all of it optional."""

    title: str = ""
    contact: str = ""
    licence: str = ""
    note: str = ""


def write_submission(
    runs: Path,
    out: Path,
    statement: Statement,
    task: str | None = None,
    dataset_name: str = "",
    audio: bool = False,
) -> tuple[Submission, list[str]]:
    """Write a submission of the newest run of each system and of each probe.

    Args:
        runs: folder of the runs.
        out: folder of the submission; it must not exist, be empty, or hold an earlier submission, which is replaced.
        task: use only runs of this dataset or probing task; default: all.
        dataset_name: name of the dataset in the submission; default: its name in `runs`. Needs `task`.
        audio: whether to include the reconstructions.

    Returns:
        the submission, and notes about runs that are not in it.

    Raises:
        UserError: there are no runs, the folder holds something else, or a file cannot be written.
    """
    datasets = [name for name in sorted({folder.parent.name for folder in find_runs(runs)}) if task in (None, name)]
    probes, notes = newest_probes(run for run in find_probes(runs) if task in (None, run.key.task))
    if not datasets and not probes:
        raise UserError(f"{runs}: no runs there{f' over {task!r}' if task else ''}; `m2l-bench reconstruct` makes them")
    if dataset_name and (task is None or task not in datasets):
        raise UserError("--dataset-name: give --task as well, with the dataset of reconstructions to rename")
    _empty(out)
    submitted: list[SubmittedRun] = []
    with explain_write_errors(out):
        for dataset in datasets:
            measured = measured_runs(runs, dataset)
            notes += measured.notes
            for run in measured.runs:
                if not run.measured:
                    notes.append(f"{run.name}: not submitted, because none of its clips was measured")
                    continue
                if audio and not all(row.audio for row in run.measured):
                    notes.append(f"{run.name}: submitted without audio, because its run kept none (--no-audio)")
                submitted.append(_write_run(run, dataset_name or dataset, out, audio))
        submitted += [_write_probe(run, out) for run in probes.values()]
        if not submitted:
            raise UserError(f"{runs}: none of its runs can be submitted: {'; '.join(notes)}")
        paths = sorted(path for path in (out / RUNS).rglob("*") if path.is_file())
        submission = Submission(
            created=now(),
            code=_code(),
            **vars(statement),
            runs=submitted,
            files={
                path.relative_to(out).as_posix(): SubmittedFile(bytes=path.stat().st_size, sha256=file_checksum(path))
                for path in paths
            },
        )
        write_atomically(out / FILE, submission.model_dump_json(indent=1).encode())
    return submission, notes


def _empty(out: Path) -> None:
    """Remove an earlier submission from the folder.

    Raises:
        UserError: the folder holds something else.
    """
    if out.is_dir() and any(out.iterdir()):
        if not (out / FILE).is_file() or {path.name for path in out.iterdir()} - {FILE, RUNS}:
            raise UserError(f"{out}: holds something else already; name a new folder with -o")
        with explain_write_errors(out):
            (out / FILE).unlink()
            shutil.rmtree(out / RUNS, ignore_errors=True)


def _write_run(run: MeasuredRun, dataset: str, out: Path, audio: bool) -> SubmittedRun:
    relative = Path(RUNS, file_name(dataset), run.name)
    folder = out / relative
    folder.mkdir(parents=True)
    rows = []
    for row in run.rows:
        keeps = audio and row.measured and row.audio
        public = {"reason": _without_folders(row.reason), "notes": _without_folders(row.notes), "source_stat": None}
        rows.append(row.model_copy(update={**public, "audio": row.audio if keeps else None}))
        if keeps:
            target = folder / str(row.audio)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(run.folder / str(row.audio), target)
    manifest = _without_folders(run.manifest.model_dump(mode="json"))
    manifest["key"] |= {"dataset": dataset, "root": ""}
    manifest["sessions"] = [_without_machine(session) for session in manifest["sessions"]]
    write_atomically(folder / "manifest.json", Manifest.model_validate(manifest).model_dump_json(indent=2).encode())
    write_atomically(folder / "clips.parquet", rows_as_table(rows))
    if (run.folder / "distances.json").is_file():
        _copy_json(run.folder / "distances.json", folder)
    written = next(one for one in measured_runs(out / RUNS, file_name(dataset), {folder}).runs)
    return submitted_reconstruction(written, relative)


def _write_probe(run: ProbeRun, out: Path) -> SubmittedRun:
    relative = Path(RUNS, f"probe-{run.key.task}", run.folder.name.split("~")[0])
    folder = out / relative
    folder.mkdir(parents=True)
    manifest = _without_folders(run.manifest.model_dump(mode="json"))
    manifest["made"] = _without_machine(manifest["made"])
    write_atomically(folder / "probe.json", run.manifest.model_validate(manifest).model_dump_json(indent=2).encode())
    for name in RUN_FILES["probe"][1:]:
        if name.endswith(".json"):
            _copy_json(run.folder / name, folder)
        else:
            shutil.copyfile(run.folder / name, folder / name)
    return submitted_probe(ProbeRun(folder), model_title(run), relative)


def _copy_json(path: Path, folder: Path) -> None:
    content = _without_folders(json.loads(path.read_text(encoding="utf-8")))
    write_atomically(folder / path.name, json.dumps(content, indent=1).encode())


def _without_machine(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the name of the host, and of the platform all but the system: kernels have names, too."""
    return {**origin, "host": Origin.model_fields["host"].default, "platform": origin["platform"].partition("-")[0]}


def _without_folders(content: Any) -> Any:
    """Shorten each absolute path in a text, such as the folder of recordings in a card, to its last part."""
    if isinstance(content, dict):
        return {key: _without_folders(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_folders(value) for value in content]
    return FOLDERS.sub("", content.replace("file://", "")) if isinstance(content, str) else content


def _code() -> Code:
    """Version of this package, and the state of the checkout that it runs from, if it does."""
    root = Path(__file__).resolve().parents[2]
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else ""
    changed = bool(commit and _git(root, "status", "--porcelain", "--untracked-files=no"))
    return Code(version=version("m2l-bench"), commit=commit, changed=changed)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
