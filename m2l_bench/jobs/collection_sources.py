"""What a collection is encoded from: a folder, a list or table of paths, or tar files; as a table of ids and places.

Sources can be on this machine, or at an address such as `s3://bucket/music`. The table is an Arrow table, which takes
little more memory than the letters of ids and paths.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
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
from m2l_bench.storage import download, is_address, list_files, open_file
from m2l_bench.text import escape_name, first_of, unescape_name

BATCH = 10_000
"""Files that are Python objects at the same time, while a source is listed."""
LONGEST_SECONDS = 2 * 3600
"""Audio is read as a whole: two hours of stereo at 44.1 kHz take 2.5 GB."""


class Item(NamedTuple):
    """An audio file to encode."""

    id: str
    path: str
    """Path or address of the file, or of the tar file that it is in; escaped by `escape_name`."""
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
            UserError: it is at an address that cannot be reached.
        """
        place = unescape_name(self.path)
        if self.offset < 0 and not is_address(place):
            return _read(Path(place), accept_truncated)
        suffix = Path(place if self.offset < 0 else self.id).suffix
        with tempfile.NamedTemporaryFile(suffix=suffix) as copy:
            if self.offset < 0:
                download(place, Path(copy.name))
            elif is_address(place):
                download(place, Path(copy.name), self.offset, self.offset + self.bytes)
            else:
                with Path(place).open("rb") as tar:
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
    """What a person must know about files that were passed over."""

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


def list_source(source: str) -> Source:
    """List the audio files of a source.

    Args:
        source: path or address of a folder of audio files or of tar files; of a tar file; of a list of paths (`.txt`),
            or of a CSV or Parquet table with a column `path` and perhaps `id`. Lists and tables name addresses, or
            paths relative to the folder of the list.

    Raises:
        UserError: there is no such source, it cannot be read, has no audio files, or two files have one id.
    """
    notes: list[str] = []
    suffix = Path(source).suffix
    is_folder = Path(source).is_dir() if not is_address(source) else suffix not in LISTS
    if is_folder and is_address(source):
        items = _remote_files(source)
    elif is_folder:
        listing = list_audio(Path(source))
        notes = listing.notes
        files = (Item(clip_id(path.relative_to(source)), escape_name(str(path))) for path in listing.files)
        items = chain(files, *map(_members, sorted(map(str, Path(source).rglob("*.tar")))))
    elif not is_address(source) and not Path(source).exists():
        raise UserError(f"{source}: no such file or folder")
    elif suffix in LISTS:
        items = LISTS[suffix](source)
    else:
        raise UserError(f"{source}: expected a folder, or a file {', '.join(LISTS)} that lists audio files")
    return Source(_table(source, items), notes)


def _read(path: Path, accept_truncated: bool) -> tuple[Audio, int]:
    return audio_files.read(path, accept_truncated=accept_truncated, longest_seconds=LONGEST_SECONDS)


def _table(source: str, items: Iterator[Item]) -> Any:
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


def _remote_files(source: str) -> Iterator[Item]:
    """List the files in a folder at an address; their ids are their paths in it."""
    for path in list_files(source):
        address = f"{source.rstrip('/')}/{path}"
        if path.suffix.lower() in EXTENSIONS:
            yield Item(clip_id(path), escape_name(address))
        elif path.suffix == ".tar":
            yield from _members(address)


def _members(tar: str) -> Iterator[Item]:
    """List the audio files in a tar file; their ids begin with its name."""
    try:
        with open_file(tar) as file, tarfile.open(fileobj=file, mode="r:") as members:
            for member in members:
                path = PurePosixPath(member.name)
                is_hidden = any(part.startswith(".") and part != "." for part in path.parts)  # `._song.wav` of macOS
                if member.isfile() and not is_hidden and path.suffix.lower() in EXTENSIONS:
                    name = escape_name(f"{Path(tar).name}/{member.name}")
                    yield Item(name, escape_name(tar), member.offset_data, member.size)
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{tar}: not readable as an uncompressed tar file ({error})") from error


def _lines(source: str) -> Iterator[Item]:
    """List the files that a text names, one in each line."""
    try:
        with open_file(source) as file:
            for line in io.TextIOWrapper(file, encoding="utf-8"):
                if path := line.rstrip("\r\n"):
                    yield _listed(source, path, path)
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: not readable as text ({error})") from error


def _rows(source: str) -> Iterator[Item]:
    """List the files that a table names in its column `path`; their ids are in the column `id`, or their paths."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        with open_file(source) as file:
            if source.endswith(".csv"):  # 000002 is no number
                texts = csv.ConvertOptions(column_types={"id": pa.string(), "path": pa.string()})
                table = csv.read_csv(file, convert_options=texts)
            else:
                table = parquet.read_table(file)
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


def _listed(source: str, file_id: str, path: str) -> Item:
    """Make the item of a file that a list names, relative to the folder of the list."""
    place = path if is_address(path) else os.path.join(os.path.dirname(source), path)  # noqa: PTH118, PTH120 - fast
    return Item(file_id, escape_name(place))


LISTS: dict[str, Callable[[str], Iterator[Item]]] = {
    ".txt": _lines,
    ".csv": _rows,
    ".parquet": _rows,
    ".tar": _members,
}
"""What reads a file that lists audio files, by its suffix."""
