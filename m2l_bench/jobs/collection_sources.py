"""What a collection is encoded from: a folder, a list or table of paths, or tar files; as a table of ids and places.

It is an Arrow table, which takes little more memory than the letters of ids and paths.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import EXTENSIONS, Audio
from m2l_bench.audio.listing import clip_id, list_audio
from m2l_bench.errors import UserError
from m2l_bench.runs.shards import Shard
from m2l_bench.text import escape_name, first_of, unescape_name

BATCH = 10_000
"""Files that are Python objects at the same time, while a source is listed."""
LONGEST_SECONDS = 2 * 3600
"""Audio is read as a whole: two hours of stereo at 44.1 kHz take 2.5 GB."""


class Item(NamedTuple):
    """An audio file to encode."""

    id: str
    path: str
    """Path of the file, or of the tar file that it is in; escaped by `escape_name`."""
    offset: int = -1
    """First byte of the file in the tar file; -1: it is a file of its own."""
    bytes: int = 0
    """Its bytes in the tar file."""

    def read(self, accept_truncated: bool) -> tuple[Audio, int]:
        """Read the audio (channels, samples) and its sample rate in Hz.

        Args:
            accept_truncated: take what is there of a file with less audio than its header states.

        Raises:
            BadClip: it is missing, not readable as audio, or longer than `LONGEST_SECONDS`.
        """
        path = Path(unescape_name(self.path))
        if self.offset < 0:
            return _read(path, accept_truncated)
        with tempfile.NamedTemporaryFile(suffix=Path(self.id).suffix) as copy:
            with path.open("rb") as tar:
                tar.seek(self.offset)
                copy.write(tar.read(self.bytes))
            copy.flush()
            return _read(Path(copy.name), accept_truncated)


@dataclass(frozen=True)
class Source:
    """The audio files of a source."""

    table: Any
    """Arrow table with the columns of `Item`, sorted by id."""
    notes: list[str]
    """What a person must know of files that were passed over."""

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.table.to_batches(max_chunksize=1000):
            for row in batch.to_pylist():
                yield Item(**row)

    def part(self, shard: Shard) -> Source:
        """Select the files of one job: every `count`-th, from the `index`-th on."""
        return Source(self.table.take(np.arange(shard.index - 1, len(self.table), shard.count)), self.notes)

    def without(self, ids: Any) -> Source:
        """Leave out the files with these ids, an Arrow array."""
        from pyarrow import compute

        is_known = compute.is_in(self.table["id"], value_set=ids)
        return Source(self.table.filter(compute.invert(is_known)), self.notes)


def list_source(source: Path) -> Source:
    """List the audio files of a source.

    Args:
        source: a folder of audio files or of tar files; a tar file; a list of paths (`.txt`), or a CSV or Parquet table
            with a column `path` and perhaps `id`. Paths in lists and tables are relative to the folder of the list.

    Raises:
        UserError: there is no such source, it cannot be read, has no audio files, or two files have one id.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    notes: list[str] = []
    if source.is_dir():
        listing = list_audio(source)
        notes = listing.notes
        files = (Item(clip_id(path.relative_to(source)), escape_name(str(path))) for path in listing.files)
        items: Iterator[Item] = chain(files, *map(_members, sorted(source.rglob("*.tar"))))
    elif source.suffix == ".tar":
        items = _members(source)
    elif source.suffix == ".txt":
        items = _lines(source)
    elif source.suffix in (".csv", ".parquet"):
        items = _rows(source)
    else:
        raise UserError(f"{source}: expected a folder, or a file .txt, .csv, .parquet or .tar that lists audio files")
    return Source(_table(source, items), notes)


def _read(path: Path, accept_truncated: bool) -> tuple[Audio, int]:
    return audio_files.read(path, accept_truncated=accept_truncated, longest_seconds=LONGEST_SECONDS)


def _table(source: Path, items: Iterator[Item]) -> Any:
    """Make a sorted Arrow table of files, of which only a few are Python objects at a time."""
    import pyarrow as pa
    from pyarrow import compute

    schema = pa.schema([("id", pa.string()), ("path", pa.string()), ("offset", pa.int64()), ("bytes", pa.int64())])
    batches = []
    while rows := list(islice(items, BATCH)):
        batches.append(pa.record_batch(list(map(pa.array, zip(*rows, strict=True))), schema))
    table = pa.Table.from_batches(batches, schema).sort_by("id")
    if not len(table):
        raise UserError(f"{source}: no audio files")
    if compute.count_distinct(table["id"]).as_py() < len(table):
        counts = compute.value_counts(table["id"]).to_pylist()
        twice = first_of([count["values"] for count in counts if count["counts"] > 1])
        raise UserError(f"{source}: more than one file has the id {twice}")
    return table


def _members(tar: Path) -> Iterator[Item]:
    """List the audio files in a tar file; their ids begin with its name."""
    try:
        with tarfile.open(tar, "r:") as members:
            for member in members:
                path = PurePosixPath(member.name)
                is_hidden = any(part.startswith(".") and part != "." for part in path.parts)  # `._song.wav` of macOS
                if member.isfile() and not is_hidden and path.suffix.lower() in EXTENSIONS:
                    name = escape_name(f"{tar.name}/{member.name}")
                    yield Item(name, escape_name(str(tar)), member.offset_data, member.size)
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{tar}: not readable as an uncompressed tar file ({error})") from error


def _lines(source: Path) -> Iterator[Item]:
    """List the files that a text names, one in each line."""
    try:
        with source.open(encoding="utf-8") as file:
            for line in file:
                if path := line.rstrip("\r\n"):
                    yield _listed(source, path, path)
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: not readable as text ({error})") from error


def _rows(source: Path) -> Iterator[Item]:
    """List the files that a table names in its column `path`; their ids are in the column `id`, or their paths."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        texts = csv.ConvertOptions(column_types={"id": pa.string(), "path": pa.string()})  # 000002 is no number
        table = csv.read_csv(source, convert_options=texts) if source.suffix == ".csv" else parquet.read_table(source)
        if "path" not in table.column_names:
            raise UserError(f"{source}: has no column `path`, only {first_of(table.column_names)}")
        columns = [table["id" if "id" in table.column_names else "path"].cast(pa.string()), table["path"]]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{source}: not readable as a table ({error})") from error
    for batch in pa.table(columns, names=["id", "path"]).to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            if not row["id"] or not isinstance(row["path"], str):
                raise UserError(f"{source}: the row {row} has no id, or no path")
            yield _listed(source, row["id"], row["path"])


def _listed(source: Path, file_id: str, path: str) -> Item:
    """Make the item of a file that a list names, relative to the folder of the list."""
    return Item(file_id, escape_name(os.path.join(source.parent, path)))  # noqa: PTH118 - a million paths in seconds
