"""The index of a collection: one Parquet file beside each volume, and all of them together.

An index is read column by column, so that the training loader takes a few numbers per entry and no ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from m2l_bench.errors import UserError
from m2l_bench.latents.collection import Collection, read_collection
from m2l_bench.latents.statistics import Statistics
from m2l_bench.runs.files import whole_or_absent

SUFFIX = ".parquet"
KEY, STATISTICS = b"collection", b"statistics"
"""Keys of the Parquet file's metadata: `Collection.key`, and the statistics as JSON."""


class Entry(BaseModel):
    """A row of an index: one stream of an audio file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """Id of the audio file."""
    stream: int
    """Number of the stream in its file, from 0."""
    frames: int
    """Frames of the latents."""
    samples: int
    """Samples of the audio file, at its own rate."""
    sample_rate: int
    """That rate in Hz."""
    offset: int
    """First byte of the entry in the volume, where that is one file; else 0."""
    bytes: int
    """Bytes of the entry on disk."""
    sha256: str
    """SHA-256 of these bytes."""


@dataclass(frozen=True)
class Index:
    """The indexes of all volumes of a collection."""

    folder: Path
    collection: Collection
    volumes: list[str]
    """Paths of the volumes below the folder, without suffix, sorted."""
    first: np.ndarray
    """Place in `table` of the first entry of each volume, and behind them the number of all entries."""
    table: Any
    """Arrow table with one row per entry."""
    statistics: Statistics | None
    """Statistics of all frames; None where entries are codes, or where there are none."""

    def __len__(self) -> int:
        return len(self.table)


def write_index(path: Path, collection: Collection, entries: Sequence[Entry], statistics: Statistics | None) -> None:
    """Write the index of a volume; it is whole or not there.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: [getattr(entry, name) for entry in entries] for name in Entry.model_fields}
    metadata = {KEY: collection.key.encode()}
    if statistics is not None:
        metadata[STATISTICS] = json.dumps(statistics.as_dict()).encode()
    table = pa.table(columns, _schema().with_metadata(metadata))
    with whole_or_absent(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def volume_names(folder: Path) -> list[str]:
    """List the volumes of a collection that are finished, as paths below its folder without suffix."""
    paths = sorted(folder.glob(f"*-of-*/[0-9]*{SUFFIX}"))
    return [path.with_suffix("").relative_to(folder).as_posix() for path in paths]


def read_index(folder: Path, columns: Sequence[str] | None = None) -> Index:
    """Read the indexes of all volumes that are finished.

    Args:
        folder: folder of the collection.
        columns: columns to read, names of fields of `Entry`; None: all.

    Raises:
        UserError: there is no collection, or an index is damaged or belongs to another collection.
    """
    import pyarrow as pa

    collection = read_collection(folder)
    names = volume_names(folder)
    tables, statistics = [], []
    for name in names:
        table, of_volume = _read(folder / f"{name}{SUFFIX}", collection, columns)
        tables.append(table)
        if of_volume is not None:
            statistics.append(of_volume)
    first = np.cumsum([0, *map(len, tables)])
    whole = pa.concat_tables(tables) if tables else _schema().empty_table().select(columns or list(Entry.model_fields))
    return Index(folder, collection, names, first, whole, _sum(statistics))


def read_volume_index(path: Path, collection: Collection) -> tuple[list[Entry], Statistics | None]:
    """Read the index of one volume: its entries, and the statistics of their frames, None where they are codes.

    Raises:
        UserError: it is damaged or belongs to another collection.
    """
    table, statistics = _read(path, collection, None)
    return [Entry.model_construct(**row) for row in table.to_pylist()], statistics


def _schema() -> Any:
    """The Arrow schema of an index."""
    import pyarrow as pa

    types: dict[Any, Any] = {str: pa.string(), int: pa.int64()}
    return pa.schema([(name, types[field.annotation]) for name, field in Entry.model_fields.items()])


def _read(path: Path, collection: Collection, columns: Sequence[str] | None) -> tuple[Any, Statistics | None]:
    """Read the index of one volume: an Arrow table, and the statistics."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        if not file.schema_arrow.equals(_schema()):
            raise ValueError("other columns")
        table = file.read(columns)
        metadata = table.schema.metadata or {}
        content = metadata.get(STATISTICS)
        statistics = Statistics.from_dict(json.loads(content)) if content else None
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path}: damaged; delete it and its volume, and encode again the same way") from error
    if metadata.get(KEY) != collection.key.encode():
        raise UserError(f"{path}: belongs to another collection than {path.parents[1]}")
    return table.replace_schema_metadata(None), statistics


def _sum(statistics: Iterable[Statistics]) -> Statistics | None:
    parts = list(statistics)
    return reduce(add, parts) if parts else None
