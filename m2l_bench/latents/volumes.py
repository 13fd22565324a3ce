"""Writing of volumes by one job: every entry is safe as soon as it is written, and a volume is finished or hidden.

A volume grows under a hidden name, beside a journal with one line per audio file that is in it. When it is large
enough it takes its name, and then its index is written: only an index makes a volume part of the collection. What a
killed process leaves is found by the next one with the same folder, which goes on behind the last file whose line and
bytes are whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from m2l_bench.latents.collection import Collection
from m2l_bench.latents.formats import check_entry, describe, load_format
from m2l_bench.latents.formats.base import Array, name_of
from m2l_bench.latents.index import SUFFIX, Entry, write_index
from m2l_bench.latents.statistics import Statistics
from m2l_bench.runs.files import explain_write_errors, write_atomically

MOST_ENTRIES = 10_000
"""Entries after which a volume is finished, however small they are: in some formats each is a file or more."""


class VolumeWriter:
    """Writes the volumes of one job into a folder in which no other process writes.

    Args:
        folder: folder of the job, which exists.
        collection: what the entries have in common.
        volume_bytes: bytes after which a volume is finished.
        finished: Arrow array with the ids of the files that are in finished volumes, of this job or of another.
        send: called after each volume that is finished.

    Attributes:
        recovered: ids of the files that were in a volume which was not finished; they are written already.

    Raises:
        UserError: the folder cannot be written.
        ModuleNotFoundError: the package of the format is not installed.
    """

    def __init__(
        self,
        folder: Path,
        collection: Collection,
        volume_bytes: float,
        finished: Any,
        send: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.collection = collection
        self.volume_bytes = volume_bytes
        self.send = send
        self.format = load_format(collection.format)
        self.number = 1 + max((int(path.stem) for path in folder.glob(f"[0-9]*{SUFFIX}")), default=-1)
        with explain_write_errors(folder):
            self._begin_volume()
            self._recover(finished)
            self.recovered = list(dict.fromkeys(entry.id for entry in self.entries))
            self._finish_if_full()

    def add(self, file_id: str, streams: Sequence[Array], samples: int, sample_rate: int) -> None:
        """Add the latents of an audio file. When this function returns, they survive the end of the process.

        Args:
            file_id: id of the file.
            streams: latents of each stream, (width, frames).
            samples: samples of the file, at its own rate.
            sample_rate: that rate in Hz.

        Raises:
            UserError: they cannot be written.
        """
        with explain_write_errors(self.folder):
            entries = []
            for stream, latents in enumerate(streams):
                frames = latents.shape[1]
                number = len(self.entries) + stream
                stored = self.format.append(
                    self.part, number, latents, describe(file_id, stream, frames, samples, sample_rate)
                )
                entry = Entry(
                    id=file_id,
                    stream=stream,
                    frames=frames,
                    samples=samples,
                    sample_rate=sample_rate,
                    **stored._asdict(),
                )
                entries.append(entry)
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(_line(entries))
            self._include(entries, streams)
            self._finish_if_full()

    def close(self) -> None:
        """Finish the last volume.

        Raises:
            UserError: it cannot be written.
        """
        if self.entries:
            with explain_write_errors(self.folder):
                self._finish_volume()

    def _begin_volume(self) -> None:
        name = name_of(self.number)
        self.volume = self.folder / (name + self.format.suffix)
        self.part = self.folder / f".{name}.part{self.format.suffix}"
        self.journal = self.folder / f".{name}.jsonl"
        self.index = self.folder / (name + SUFFIX)
        self.entries: list[Entry] = []
        self.bytes = 0
        self.statistics: Statistics | None = None

    def _include(self, entries: Sequence[Entry], streams: Sequence[Array]) -> None:
        self.entries += entries
        self.bytes += sum(entry.bytes for entry in entries)
        if not self.collection.codebook_entries:
            for latents in streams:
                added = Statistics.of(latents)
                self.statistics = added if self.statistics is None else self.statistics + added

    def _recover(self, finished: Any) -> None:
        """Go on with what a killed process has left of the volume: the files that are whole and nowhere else."""
        import pyarrow as pa
        from pyarrow import compute

        for journal in self.folder.glob(".[0-9]*.jsonl"):
            if journal != self.journal:  # killed after the index was written
                journal.unlink()
        if self.volume.exists():  # killed before the index was written
            self.volume.replace(self.part)
        files = list(_read_journal(self.journal))
        is_elsewhere = compute.is_in(pa.array([file[0].id for file in files], pa.string()), value_set=finished)
        kept = []
        for file, elsewhere in zip(files, is_elsewhere.to_pylist(), strict=True):
            numbers = range(len(self.entries), len(self.entries) + len(file))
            if elsewhere:
                break
            try:
                streams = [
                    check_entry(self.format, self.part, number, entry, self.collection.width)
                    for number, entry in zip(numbers, file, strict=True)
                ]
            except Exception:  # lost with the power, whatever the format's library says of it
                break
            self._include(file, streams)
            kept.append(_line(file))
        self.format.cut(self.part, self.entries)
        if kept:
            write_atomically(self.journal, "".join(kept).encode())
        else:
            self.journal.unlink(missing_ok=True)

    def _finish_if_full(self) -> None:
        if self.bytes >= self.volume_bytes or len(self.entries) >= MOST_ENTRIES:
            self._finish_volume()

    def _finish_volume(self) -> None:
        self.format.close(self.part)
        self.part.replace(self.volume)
        write_index(self.index, self.collection, self.entries, self.statistics)
        self.journal.unlink()
        self.number += 1
        self._begin_volume()
        self.send()


def _line(entries: Sequence[Entry]) -> str:
    """Write the entries of a file as a line of the journal."""
    return json.dumps([entry.model_dump() for entry in entries]) + "\n"


def _read_journal(path: Path) -> Iterator[list[Entry]]:
    """Read the entries of each file, up to a line that is not whole."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        if not line.endswith("\n"):
            return
        try:
            yield [Entry.model_validate(row) for row in json.loads(line)]
        except ValueError:
            return
