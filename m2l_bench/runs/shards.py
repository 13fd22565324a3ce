"""Shards: the parts of a command's work that separate jobs do, and what a job writes when it has finished.

    RUNS/shards/2-of-8/<dataset>/<system>/                a run over the clips of shard 2 of 8
    RUNS/shards/2-of-8/<dataset>/<system>.finished.json   the clips that it had to do; written when it has finished

Runs of shards are deeper below RUNS than other runs, so tables, pages and reports over RUNS do not see them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, write_atomically

Item = TypeVar("Item")

FOLDER = "shards"
"""Folder below that of the runs."""


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of the work; the first has the index 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/8`.

        Raises:
            UserError: it is not written so, or there is no such part.
        """
        numbers = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        shard = cls(int(numbers[1]), int(numbers[2])) if numbers else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise UserError(f"--shard {text}: expected I/N with I from 1 to N, such as 2/8 for the second of 8 parts")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def part(self, items: Sequence[Item], name: Callable[[Item], str]) -> list[Item]:
        """Select the items of this shard: of all items sorted by name, every `count`-th from the `index`-th on."""
        return sorted(items, key=name)[self.index - 1 :: self.count]

    def folder(self, out: Path) -> Path:
        """Name the folder of this shard's runs below that of the runs."""
        return out / FOLDER / f"{self.index}-of-{self.count}"


class ShardRecord(BaseModel):
    """What a job did for one system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    """Name of the run's folder."""
    clips: list[str]
    """Ids of the shard's clips."""
    all_clips: str
    """Digest of the ids of the clips of all shards."""
    limited: bool
    """Whether the clips of all shards are only the first ones of the dataset."""


def record_path(dataset: Path, name: str) -> Path:
    """Name the file of a shard's record.

    Args:
        dataset: folder of the dataset in the shard.
        name: the system, and settings that differ from its card.
    """
    return dataset / f"{name}.finished.json"


@contextmanager
def recorded(path: Path, record: ShardRecord) -> Iterator[None]:
    """Write a shard's record when the work in the block is finished; until then there is none.

    Raises:
        UserError: the record cannot be written.
    """
    with explain_write_errors(path.parent):
        path.unlink(missing_ok=True)
    yield
    with explain_write_errors(path.parent):
        write_atomically(path, record.model_dump_json().encode())


def read_record(path: Path) -> ShardRecord:
    """Read a shard's record.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return ShardRecord.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged; run the job of this shard again") from error


def find_shards(out: Path) -> dict[Shard, Path]:
    """Find the folders of all shards below that of the runs."""
    folders = {}
    for path in sorted((out / FOLDER).glob("*-of-*")):
        try:
            shard = Shard.parse(path.name.replace("-of-", "/"))
        except UserError:
            continue
        folders[shard] = path
    return dict(sorted(folders.items(), key=lambda entry: (entry[0].count, entry[0].index)))
