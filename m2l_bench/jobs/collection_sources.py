"""What a collection is encoded from: a folder, a list or table of paths, or tar files; as a table of ids and places.

It is an Arrow table, which takes little more memory than the letters of ids and paths.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import EXTENSIONS, Audio
from m2l_bench.audio.listing import clip_id, list_audio
from m2l_bench.errors import UserError
from m2l_bench.runs.shards import Shard
from m2l_bench.text import escape_name, first_of, unescape_name

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
        tars = sorted(source.glob("*.tar"))
        listing = list_audio(source)
        notes = listing.notes
        items = [Item(clip_id(path.relative_to(source)), escape_name(str(path))) for path in listing.files]
        for tar in tars:
            items += _members(tar)
    elif source.suffix == ".tar":
        items = _members(source)
    elif source.suffix in (".txt", ".csv", ".parquet"):
        items = _listed(source)
    else:
        raise UserError(f"{source}: expected a folder, or a file .txt, .csv, .parquet or .tar that lists audio files")
    if not items:
        raise UserError(f"{source}: no audio files")
    return Source(_table(source, items), notes)


def _read(path: Path, accept_truncated: bool) -> tuple[Audio, int]:
    return audio_files.read(path, accept_truncated=accept_truncated, longest_seconds=LONGEST_SECONDS)


def _table(source: Path, items: list[Item]) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    types = (pa.string(), pa.string(), pa.int64(), pa.int64())
    columns = [pa.array(column, type) for column, type in zip(zip(*items, strict=True), types, strict=True)]
    table = pa.table(columns, names=list(Item._fields)).sort_by("id")
    counts = compute.value_counts(table["id"])
    twice = [count["values"] for count in counts.filter(compute.greater(counts.field("counts"), 1)).to_pylist()]
    if twice:
        raise UserError(f"{source}: more than one file has the id {first_of(twice)}")
    return table


def _members(tar: Path) -> list[Item]:
    """List the audio files in a tar file; their ids begin with its name."""
    try:
        with tarfile.open(tar, "r:") as members:
            return [
                Item(escape_name(f"{tar.name}/{member.name}"), escape_name(str(tar)), member.offset_data, member.size)
                for member in members
                if member.isfile() and Path(member.name).suffix.lower() in EXTENSIONS
            ]
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{tar}: not readable as an uncompressed tar file ({error})") from error


def _listed(source: Path) -> list[Item]:
    """List what a text file, or a table, names."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        if source.suffix == ".txt":
            paths: list[Any] = [line for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
            ids: list[Any] = paths
        else:
            table = csv.read_csv(source) if source.suffix == ".csv" else parquet.read_table(source)
            if "path" not in table.column_names:
                raise UserError(f"{source}: has no column `path`, only {first_of(table.column_names)}")
            paths = table["path"].to_pylist()
            ids = (table["id"].cast(pa.string()) if "id" in table.column_names else table["path"]).to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{source}: not readable ({error})") from error
    if not all(isinstance(value, str) and value for value in (*paths, *ids)):
        raise UserError(f"{source}: a path or an id is empty or not a text")
    return [Item(id, escape_name(str(source.parent / path))) for id, path in zip(ids, paths, strict=True)]
