"""What a run is on disk: the rows of one system over one dataset, and how they survive interruption.

    RUNS/<dataset>/<system>/
        manifest.json    what was run: card, seed, steps, metric versions, dataset; and where and when
        clips.parquet    a row a clip
        rows.jsonl       rows since clips.parquet was last written, one line each, flushed to the disk
        audio/           reconstructions as FLAC

A row is appended to `rows.jsonl` when its clip is finished; `clips.parquet` is rewritten atomically at the end, so a
process killed at any moment loses the clips in flight and nothing else. A run is continued only by a command that
would give the same
numbers: another card, seed, dataset or metric version starts `<system>~2`, and so on.
"""

from __future__ import annotations

import json
import math
import os
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2l_bench.errors import UserError
from m2l_bench.runs.migration import migrated

SCHEMA_VERSION = 2

Row = dict[str, Any]

DECIDING = {
    "system": "the system",
    "dataset": "the dataset",
    "root": "the folder of the audio",
    "task_digest": "the task",
    "card_digest": "the card",
    "steps": "the number of steps",
    "seed": "the seed",
    "weights_sha256": "the file of weights",
}
"""Parts of a run's key, as a person calls them."""


@dataclass(frozen=True)
class RunKey:
    """Everything that decides a run's numbers. Runs with equal keys are one run."""

    dataset: str
    root: str
    task_digest: str
    system: str
    card_digest: str
    steps: int | None
    default_steps: int | None
    seed: int
    metric_versions: dict[str, str]
    weights_sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the adapter, the codec runner and the dataset's loader."""
    former_metric_versions: dict[str, str] = field(default_factory=dict)
    """By what version 0.1 knew the same metrics."""

    @property
    def folder(self) -> str:
        """Name of the run's folder: the system, and what was asked for beyond its card."""
        steps = f"@steps{self.steps}" if self.steps != self.default_steps else ""
        return self.system + steps + (f"@seed{self.seed}" if self.seed else "")

    def as_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "root": self.root,
            "task_digest": self.task_digest,
            "system": self.system,
            "card_digest": self.card_digest,
            "steps": self.steps,
            "seed": self.seed,
            "versions": self.versions,
            **({"weights_sha256": self.weights_sha256} if self.weights_sha256 else {}),
        }


class Run:
    """An open run. Use `open_run` to get one."""

    def __init__(self, folder: Path, started_because: str = "") -> None:
        self.folder = folder
        self.started_because = started_because
        """What differs from the run before it, where this one was started beside another; empty for any other."""
        self.rows: dict[str, Row] = {row["id"]: row for row in read_rows(folder)}

    @property
    def audio_folder(self) -> Path:
        return self.folder / "audio"

    def append(self, row: Row) -> None:
        """Add a finished clip; it is on the disk when this returns."""
        line = json.dumps(row, allow_nan=True) + "\n"
        # First in memory: an interrupt that comes once the line is written must not make `compact` forget it.
        self.rows[row["id"]] = row
        with full_disk_is_clear(self.folder), (self.folder / "rows.jsonl").open("ab") as journal:
            journal.write(line.encode())
            journal.flush()
            os.fsync(journal.fileno())

    def forget_failures_outside(self, ids: Collection[str]) -> None:
        """Drop rows of failed clips that are no longer in the dataset: a bad file was taken away."""
        gone = [id for id, row in self.rows.items() if row["status"] != "measured" and id not in ids]
        for id in gone:
            del self.rows[id]
        if gone:
            self._write_table()

    def compact(self) -> None:
        """Move the rows of `rows.jsonl` into `clips.parquet`."""
        if (self.folder / "rows.jsonl").exists():
            self._write_table()

    def _write_table(self) -> None:
        with full_disk_is_clear(self.folder):
            write_atomically(self.folder / "clips.parquet", _parquet_bytes(self.rows.values()))
            (self.folder / "rows.jsonl").unlink(missing_ok=True)

    def save_audio(self, clip_id: str, flac: bytes) -> str:
        """Write a reconstruction; returns its path below the run's folder."""
        path = self.audio_folder / f"{file_name(clip_id)}.flac"
        with full_disk_is_clear(self.folder):
            self.audio_folder.mkdir(exist_ok=True)
            write_atomically(path, flac)
        return path.relative_to(self.folder).as_posix()

    def add_session(self, session: dict[str, Any]) -> None:
        """Note in the manifest that a command worked on this run: when, where, with which packages."""
        manifest = read_manifest(self.folder)
        self._write_sessions(manifest, [*manifest.get("sessions", []), session])

    def finish_session(self, finished: str) -> None:
        """Note in the manifest when the command of the last session was through with this run."""
        manifest = read_manifest(self.folder)
        *earlier, last = manifest["sessions"]
        self._write_sessions(manifest, [*earlier, {**last, "finished": finished}])

    def _write_sessions(self, manifest: dict[str, Any], sessions: list[dict[str, Any]]) -> None:
        manifest["sessions"] = sessions
        with full_disk_is_clear(self.folder):
            write_atomically(self.folder / "manifest.json", json.dumps(manifest, indent=2).encode())


@contextmanager
def open_run(out: Path, key: RunKey, card: dict[str, Any], unchanged: Callable[[Row], bool]) -> Iterator[Run]:
    """Open the run with this key below `out`, or start it, and hold it against other processes.

    Args:
        card: content of the system's card, kept in the manifest.
        unchanged: tells whether the files that a measured row came from are still the same; if not, it is another run.

    Raises:
        UserError: the folder cannot be written, or another process works on this run.
    """
    differences: list[str] = []

    def choose(parent: Path) -> Path:
        differences[:] = _differences_before(parent, key, unchanged)
        return parent / numbered(key.folder, len(differences) + 1)

    with held_folder(out / key.dataset, choose) as folder:
        _drop_torn_line(folder / "rows.jsonl")
        new = not (folder / "manifest.json").exists()
        manifest: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "key": key.as_dict()}
        if not new:
            manifest = read_manifest(folder)
        manifest["card"] = card
        manifest["metric_versions"] = manifest.get("metric_versions", {}) | key.metric_versions
        with full_disk_is_clear(folder):
            write_atomically(folder / "manifest.json", json.dumps(manifest, indent=2).encode())
        run = Run(folder, differences[-1] if new and differences else "")
        try:
            yield run
        finally:
            run.compact()


@contextmanager
def held_folder(parent: Path, choose: Callable[[Path], Path]) -> Iterator[Path]:
    """The folder that `choose` names below `parent`, made if need be and held against other processes.

    Raises:
        UserError: it cannot be written, or another process holds it.
    """
    import filelock

    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = choose(parent)
        folder.mkdir(exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{folder}: another process is working on this run; wait for it or choose another --out"
        ) from error
    except OSError as error:
        raise UserError(f"{parent}: cannot write there ({error.strerror or error})") from error
    try:
        yield folder
    finally:
        lock.release()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The run's manifest.

    Raises:
        UserError: it is missing, unreadable, or of another schema version.
    """
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a run's manifest ({error})") from error
    manifest = migrated(manifest)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        found = manifest.get("schema_version")
        raise UserError(
            f"{path}: written by another version of m2l-bench (schema {found}, this one is {SCHEMA_VERSION})"
        )
    absent = {"key", "card", "metric_versions"} - manifest.keys()
    if absent:
        raise UserError(
            f"{path}: not a run's manifest ('{min(absent)}' is missing); delete {folder} to measure it again"
        )
    return manifest


def read_rows(folder: Path) -> list[Row]:
    """All rows of a run, also of one that was killed; the last row of a clip counts.

    Sorted by id: clips finish in any order, and a bootstrap over them must not depend on it.
    """
    rows: dict[str, Row] = {}
    table = folder / "clips.parquet"
    if table.exists():
        import pyarrow
        import pyarrow.parquet

        try:
            rows = {row["id"]: row for row in pyarrow.parquet.read_table(table).to_pylist()}
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(f"{table}: damaged ({error}); delete it to measure these clips again") from error
    journal = folder / "rows.jsonl"
    if journal.exists():
        for line in journal.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            rows[row["id"]] = row
    return [rows[id] for id in sorted(rows)]


def find_runs(out: Path) -> list[Path]:
    """Folders of all runs below `out`."""
    return sorted(path.parent for path in out.glob("*/*/manifest.json"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def file_name(clip_id: str) -> str:
    """A file name for any id: unusual characters as %XX, long names shortened with a hash."""
    import hashlib

    name = urllib.parse.quote(clip_id, safe=" +,;=@()[]'")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > 180:
        name = f"{name[:160]}-{hashlib.sha256(clip_id.encode()).hexdigest()[:16]}"
    return name


@contextmanager
def full_disk_is_clear(folder: Path) -> Iterator[None]:
    """Turns a failed write into one line that says what is safe."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{folder}: cannot write ({reason}). Finished clips are safe: mend it and run the same command again"
        ) from error


def numbered(name: str, number: int) -> str:
    """Name of the folder of the first, second, third ... run that is called `name`."""
    return name if number == 1 else f"{name}~{number}"


def _differences_before(parent: Path, key: RunKey, unchanged: Callable[[Row], bool]) -> list[str]:
    """Say of each run of this name that comes before the matching, or the first free, number what differs."""
    differences: list[str] = []
    while True:
        folder = parent / numbered(key.folder, len(differences) + 1)
        difference = _difference(folder, key, unchanged) if (folder / "manifest.json").exists() else ""
        if not difference:
            return differences
        differences.append(difference)


def _difference(folder: Path, key: RunKey, unchanged: Callable[[Row], bool]) -> str:
    """Say why a run is not the one with this key; empty if it is."""
    manifest = read_manifest(folder)
    earlier, now = manifest["key"], key.as_dict()
    for name, described in DECIDING.items():
        if earlier.get(name) != now.get(name):
            return f"{described} differs from that of {folder.name}"
    for part, version in key.versions.items():
        if earlier["versions"].get(part) != version:
            return f"{part} version {version}, {folder.name} has {earlier['versions'].get(part, 'none')}"
    versions = manifest["metric_versions"]
    for metric, version in key.metric_versions.items():
        if versions.get(metric, version) not in (version, key.former_metric_versions.get(metric)):
            return f"{metric} is another version than in {folder.name}"
    for row in read_rows(folder):
        if row["status"] == "measured" and not unchanged(row):
            return f"the audio of '{row['id']}' is not what {folder.name} was measured on"
    return ""


def _drop_torn_line(journal: Path) -> None:
    """A killed process can leave half a line at the end; the rest is whole."""
    if journal.exists():
        content = journal.read_bytes()
        if not content.endswith(b"\n"):
            with journal.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


def _parquet_bytes(rows: Iterable[Row]) -> bytes:
    import io

    import pyarrow
    import pyarrow.parquet

    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    arrays = {name: pyarrow.array([row.get(name) for row in rows], type=_column_type(name, rows)) for name in columns}
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays), buffer)
    return buffer.getvalue()


def _column_type(name: str, rows: list[Row]) -> Any:
    """Text, whole numbers or floats, by the values; a column that is empty throughout by its name."""
    import pyarrow

    values = [row[name] for row in rows if row.get(name) is not None]
    if all(isinstance(value, str) for value in values):
        empty_number = not values and not name.endswith("_note") and name not in ("reason", "audio")
        return pyarrow.float64() if empty_number else pyarrow.string()
    if all(isinstance(value, int) for value in values):
        return pyarrow.int64()
    return pyarrow.float64()


def is_complete(row: Row | None, metrics: Iterable[str]) -> bool:
    """Whether there is a measured row in which each metric has a value or the reason why not."""
    return (
        row is not None
        and row["status"] == "measured"
        and all(
            (row.get(name) is not None and not math.isnan(row[name])) or row.get(f"{name}_note") for name in metrics
        )
    )
