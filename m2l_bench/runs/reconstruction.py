"""The files of a run, the rows of one system over one dataset, and how they survive an interruption.

    RUNS/<dataset>/<system>/
        manifest.json    what was run: card, seed, steps, versions, dataset; and where and when
        clips.parquet    one row per clip
        rows.jsonl       rows since clips.parquet was last written, one line each, flushed to the disk
        audio/           reconstructions as FLAC

A row is appended to `rows.jsonl` when its clip is finished, and `clips.parquet` is rewritten atomically at the end. A
process that is killed at any moment loses only the clips it was working on. A run is continued only by a command that
would give the same numbers: another card, seed, dataset or version starts `<system>~2`, and so on.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from m2l_bench.cards import SystemCard
from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, file_name, locked_folder, numbered, write_atomically
from m2l_bench.runs.migration import migrated
from m2l_bench.runs.schema import SCHEMA_VERSION, Key, Manifest, Row, Session, StoredSystemCard, read_stored

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
"""Parts of a run's key, in words for messages."""


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
    precision: str = ""
    """Number type that a command chose instead of the card's, for the folder's name; the card has it as well."""
    weights_sha256: str = ""
    section_seconds: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the adapter, the codec runner and the dataset's loader."""
    former_metric_versions: dict[str, str] = field(default_factory=dict)
    """Identities that m2l-bench 0.1 gave to the same metrics."""

    @property
    def folder(self) -> str:
        """Name of the run's folder: the system, and settings that differ from its card."""
        steps = f"@steps{self.steps}" if self.steps != self.default_steps else ""
        seed = f"@seed{self.seed}" if self.seed else ""
        return self.system + steps + seed + (f"@{self.precision}" if self.precision else "")

    @property
    def stored(self) -> Key:
        """The part that the manifest stores as the key. Metric versions are stored apart: a run may gain metrics."""
        return Key(
            dataset=self.dataset,
            root=self.root,
            task_digest=self.task_digest,
            system=self.system,
            card_digest=self.card_digest,
            steps=self.steps,
            seed=self.seed,
            weights_sha256=self.weights_sha256,
            versions=self.versions,
            section_seconds=self.section_seconds,
        )


class Run:
    """An open run; `open_run` opens one."""

    def __init__(self, folder: Path, manifest: Manifest, started_because: str = "") -> None:
        self.folder = folder
        self.manifest = manifest
        self.started_because = started_because
        """Difference from the previous run of this name, if this run was started beside it; empty otherwise."""
        self.rows: dict[str, Row] = {row.id: row for row in read_rows(folder)}

    @property
    def audio_folder(self) -> Path:
        return self.folder / "audio"

    def append(self, row: Row) -> None:
        """Add the row of a finished clip; it is on the disk when this method returns.

        Raises:
            UserError: the row cannot be written.
        """
        line = json.dumps(row.to_columns(), allow_nan=True) + "\n"
        # First in memory: an interrupt right after the line is written must not make `compact` forget the row.
        self.rows[row.id] = row
        with explain_write_errors(self.folder), (self.folder / "rows.jsonl").open("ab") as journal:
            journal.write(line.encode())
            journal.flush()
            os.fsync(journal.fileno())

    def add(self, rows: Iterable[Row]) -> None:
        """Add the rows of clips that another process finished, all of them or none.

        Raises:
            UserError: the rows cannot be written.
        """
        self.rows |= {row.id: row for row in rows}
        self._write_table()

    def keep_values(self, row: Row) -> None:
        """Copy the metrics that an earlier command measured on the same clip, and their notes, into its new row."""
        earlier = self.rows.get(row.id)
        if earlier is not None and earlier.measured:
            row.values = {**earlier.values, **row.values}
            row.notes = {**{name: earlier.notes[name] for name in earlier.values if name in earlier.notes}, **row.notes}

    def match(self, ids: Collection[str], unchanged: Callable[[Row], bool], *, whole: bool) -> None:
        """Match the rows to the clips that the dataset has now.

        The row of a clip that is gone does not count until the clip is back; that of a failed one is dropped.

        Args:
            ids: the clips.
            unchanged: returns whether the audio of a row is still the same.
            whole: whether these are all clips of the dataset.
        """
        changed = False
        for id, row in list(self.rows.items()):
            if id in ids and row.absent:
                row.absent, changed = None, True
                if not unchanged(row):
                    del self.rows[id]
            elif id not in ids and whole and not row.absent:
                row.absent, changed = True, True
                if row.status != "measured":
                    del self.rows[id]
        if changed:
            self._write_table()

    def compact(self) -> None:
        """Move the rows of `rows.jsonl` into `clips.parquet`."""
        if (self.folder / "rows.jsonl").exists():
            self._write_table()

    def _write_table(self) -> None:
        with explain_write_errors(self.folder):
            write_atomically(self.folder / "clips.parquet", rows_as_table(list(self.rows.values())))
            (self.folder / "rows.jsonl").unlink(missing_ok=True)

    def save_audio(self, clip_id: str, content: bytes, suffix: str) -> str:
        """Write a reconstruction, and return its path relative to the run's folder."""
        path = self.audio_folder / f"{file_name(clip_id)}{suffix}"
        with explain_write_errors(self.folder):
            self.audio_folder.mkdir(exist_ok=True)
            write_atomically(path, content)
        return path.relative_to(self.folder).as_posix()

    def add_session(self, session: Session) -> None:
        """Add to the manifest that a command works on this run: its number, when, where, with which packages."""
        self.add_sessions([session])

    def add_sessions(self, sessions: Iterable[Session]) -> None:
        """Add commands of other processes to the manifest, in this order."""
        first = _last_number(self.folder.parent) + 1
        numbers = [session.model_copy(update={"number": number}) for number, session in enumerate(sessions, first)]
        self._write_sessions([*self.manifest.sessions, *numbers])

    def finish_session(self, finished: str) -> None:
        """Add to the manifest when the last session's command finished this run."""
        *earlier, last = self.manifest.sessions
        self._write_sessions([*earlier, last.model_copy(update={"finished": finished})])

    def _write_sessions(self, sessions: list[Session]) -> None:
        self.manifest = self.manifest.model_copy(update={"sessions": sessions})
        _write_manifest(self.folder, self.manifest)


@contextmanager
def open_run(out: Path, key: RunKey, card: SystemCard, unchanged: Callable[[Row], bool]) -> Iterator[Run]:
    """Open the run with this key below `out`, or start it, and keep other processes out of it.

    Args:
        card: the system's card; the manifest keeps it.
        unchanged: returns whether the audio files of a measured row are still the same; if not, this is another run.

    Raises:
        UserError: the folder cannot be written, or another process works on this run.
    """
    differences: list[str] = []

    def choose(parent: Path) -> Path:
        differences[:] = _differences_before(parent, key, unchanged)
        return parent / numbered(key.folder, len(differences) + 1)

    with locked_folder(out / key.dataset, choose) as folder:
        _drop_torn_line(folder / "rows.jsonl")
        stored_card = StoredSystemCard.model_validate(card.model_dump())
        if (folder / "manifest.json").exists():
            manifest, started_because = read_manifest(folder), ""
        else:
            manifest = Manifest(key=key.stored, card=stored_card, metric_versions={})
            started_because = differences[-1] if differences else ""
        versions = manifest.metric_versions | key.metric_versions
        manifest = manifest.model_copy(update={"card": stored_card, "metric_versions": versions})
        _write_manifest(folder, manifest)
        run = Run(folder, manifest, started_because)
        try:
            yield run
        finally:
            run.compact()


def read_manifest(folder: Path) -> Manifest:
    """Read a run's manifest, migrated to the present schema.

    Raises:
        UserError: the file is missing, unreadable, or of a newer schema version.
    """
    path = folder / "manifest.json"
    content = migrated(read_versioned(path))
    return read_stored(path, Manifest.model_validate, content, f"delete {folder} to measure it again")


def _last_number(dataset: Path) -> int:
    """Find the highest number of a command on the runs in a folder; damaged manifests do not count."""
    last = 0
    for path in dataset.glob("*/manifest.json"):
        with contextlib.suppress(UserError):
            last = max([last, *(session.number for session in read_manifest(path.parent).sessions)])
    return last


def read_versioned(path: Path) -> dict[str, Any]:
    """Read the content of a manifest of a known schema version.

    Raises:
        UserError: the file is missing, no JSON object, or of a newer schema version.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a run's manifest ({error})") from error
    version = content.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise UserError(
            f"{path}: written by another version of m2l-bench (schema {version}, this one reads up to {SCHEMA_VERSION})"
        )
    return content


def read_rows(folder: Path) -> list[Row]:
    """Read all rows of a run, also of an interrupted one; the last row of a clip counts.

    The rows are sorted by id: clips finish in any order, and a bootstrap over them must not depend on it.

    Raises:
        UserError: a file is damaged; the message names it and says what to do.
    """
    rows: dict[str, Row] = {}
    table = folder / "clips.parquet"
    if table.exists():
        import pyarrow
        import pyarrow.parquet

        advice = "delete it to measure these clips again"
        try:
            columns = pyarrow.parquet.read_table(table).to_pylist()
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(f"{table}: damaged ({error}); {advice}") from error
        rows = {row.id: row for row in (_parse_row(line, table, advice) for line in columns)}
    journal = folder / "rows.jsonl"
    if journal.exists():
        for number, line in enumerate(journal.read_bytes().split(b"\n")[:-1], start=1):
            advice = f"delete line {number} to measure this clip again"
            try:
                content = json.loads(line)
            except ValueError as error:
                raise UserError(f"{journal}, line {number}: damaged ({error}); {advice}") from error
            row = _parse_row(content, journal, advice)
            rows[row.id] = row
    return [rows[id] for id in sorted(rows)]


def find_runs(out: Path) -> list[Path]:
    """Find the folders of all runs below `out`."""
    return sorted(path.parent for path in out.glob("*/*/manifest.json"))


def is_complete(row: Row | None, metrics: Iterable[str]) -> bool:
    """Whether the row exists and is measured, and each metric has a value or the reason why it has none."""
    return row is not None and row.measured and all(_is_settled(row, name) for name in metrics)


def _is_settled(row: Row, metric: str) -> bool:
    value = row.value(metric)
    return (value is not None and not math.isnan(value)) or bool(row.note(metric))


def _parse_row(columns: Any, path: Path, advice: str) -> Row:
    if not isinstance(columns, dict):
        raise UserError(f"{path}: not a row; {advice}")
    return read_stored(path, Row.from_columns, columns, advice)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with explain_write_errors(folder):
        write_atomically(folder / "manifest.json", manifest.model_dump_json(indent=2).encode())


def _differences_before(parent: Path, key: RunKey, unchanged: Callable[[Row], bool]) -> list[str]:
    """Describe what differs in each run of this name that comes before the matching, or the first free, number."""
    differences: list[str] = []
    while True:
        folder = parent / numbered(key.folder, len(differences) + 1)
        difference = _difference(folder, key, unchanged) if (folder / "manifest.json").exists() else ""
        if not difference:
            return differences
        differences.append(difference)


def _difference(folder: Path, key: RunKey, unchanged: Callable[[Row], bool]) -> str:
    """Describe why a run is not the one with this key; empty if it is."""
    manifest = read_manifest(folder)
    difference = key_difference(manifest, folder.name, key)
    if difference:
        return difference
    for row in read_rows(folder):
        if row.measured and not unchanged(row):
            return f"the audio of '{row.id}' is not what {folder.name} was measured on"
    return ""


def key_difference(earlier: Manifest, name: str, key: RunKey) -> str:
    """Describe what in an earlier run's manifest is not as in this key; empty if nothing that both have differs.

    Args:
        name: name of the earlier run.
    """
    stored, present = earlier.key.model_dump(), key.stored.model_dump()
    for part, description in DECIDING.items():
        if stored[part] != present[part]:
            return f"{description} differs from that of {name}"
    for part, version in key.versions.items():
        if earlier.key.versions.get(part) != version:
            return f"{part} version {version}, {name} has {earlier.key.versions.get(part, 'none')}"
    for metric, version in key.metric_versions.items():
        equivalent = (version, key.former_metric_versions.get(metric))
        if earlier.metric_versions.get(metric, version) not in equivalent:
            return f"{metric} is another version than in {name}"
    return ""


def _drop_torn_line(journal: Path) -> None:
    """Remove an incomplete last line, which a killed process can leave; all other lines are whole."""
    if journal.exists():
        content = journal.read_bytes()
        if not content.endswith(b"\n"):
            with journal.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


def rows_as_table(rows: list[Row]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    lines = [row.to_columns() for row in rows]
    names = dict.fromkeys(name for line in lines for name in line)
    arrays = {}
    for name in names:
        values = [line.get(name) for line in lines]
        if name not in Row.model_fields or name == "reason" or any(value is not None for value in values):
            arrays[name] = pyarrow.array(values, type=_column_type(name))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays), buffer)
    return buffer.getvalue()


def _column_type(name: str) -> Any:
    import pyarrow

    if name in Row.model_fields:
        kinds = get_args(Row.model_fields[name].annotation)
        if bool in kinds:
            return pyarrow.bool_()
        return pyarrow.int64() if int in kinds else pyarrow.float64() if float in kinds else pyarrow.string()
    if name.endswith("_note"):
        return pyarrow.string()
    return pyarrow.int64() if name.endswith("_frames") else pyarrow.float64()
