"""Distances of the sets to the held-out music, and the rows of `generate.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2l_bench.audio import flac_bytes
from m2l_bench.distances.folder_vectors import folder_vectors
from m2l_bench.distances.measure import Distance, measure
from m2l_bench.errors import UserError
from m2l_bench.generation.crops import Crop, Music
from m2l_bench.jobs.collection_sources import Source
from m2l_bench.progress import Progress
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.runs.generated import path_of
from m2l_bench.runs.vectors import StoredClips
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.text import spreadsheet_text


@dataclass(frozen=True)
class Row:
    """What is known of one set of one system."""

    system: str
    set: str
    """A name of `runs.generated`."""
    seed: int | None = None
    """Seed of the transformer; None for the sets without one, as are the next four."""
    steps: int | None = None
    parameters: int | None = None
    validation_loss: float | None = None
    training_seconds: float | None = None
    count: int = 0
    """Number of clips."""
    seconds_per_clip: float = 0.0
    """Seconds to draw latents and to decode them."""
    folder: str = ""
    """Folder of the clips, relative to that of `generate.csv`."""
    reference: str = ""
    """Folder of the held-out music, relative to the same."""
    figures: dict[str, float | None] = field(default_factory=dict)
    """Distances, such as `fad_musicnn`, `fad_musicnn_low` and `coverage_musicnn`."""

    def as_dict(self) -> dict[str, Any]:
        """Convert to the columns of `generate.csv`."""
        columns = {name: value for name, value in vars(self).items() if name != "figures"}
        return columns | self.figures


class Evaluator:
    """Compares folders of clips with a reference.

    Args:
        reference: folder of clips of the held-out music.
        count: number of its clips.
        embeddings: loaded embeddings by name.
        cache: folder where vectors are kept.
    """

    def __init__(
        self,
        reference: Path,
        count: int,
        embeddings: Mapping[str, EmbeddingRunner],
        cache: Path,
        progress: Progress,
    ) -> None:
        self.reference, self.count = reference, count
        self.embeddings, self.cache, self.progress = embeddings, cache, progress

    def compare(self, folder: Path, count: int, *, paired: bool) -> dict[str, float | None]:
        """Compare the first clips of a folder with the reference; returns the figures of a row.

        Args:
            paired: whether both hold the same clips in the same order.

        Raises:
            UserError: there are too few vectors, or clips that are too short for an embedding.
        """
        figures: dict[str, float | None] = {}
        for name, runner in self.embeddings.items():
            reference = self._clips(self.reference, self.count, name, runner)
            try:
                distance = measure(reference, self._clips(folder, count, name, runner), paired=paired)
            except ValueError as error:
                raise UserError(f"{folder}: {name}: {error}") from error
            figures |= _figures(name, distance)
        return figures

    def _clips(self, folder: Path, count: int, name: str, runner: EmbeddingRunner) -> StoredClips:
        vectors = folder_vectors(folder, name, runner, self.cache, self.progress)
        by_id = dict(zip(vectors.ids, vectors.paths, strict=True))
        wanted = [path_of(folder, number).stem for number in range(count)]
        missing = [id for id in wanted if id not in by_id]
        if missing:
            raise UserError(f"{folder}: {name} has no vectors of {missing[0]}: {vectors.failed.get(missing[0], '')}")
        return StoredClips([by_id[id] for id in wanted])


def _figures(embedding: str, distance: Distance) -> dict[str, float | None]:
    return {
        f"fad_{embedding}": distance.value,
        f"fad_{embedding}_low": distance.low,
        f"fad_{embedding}_high": distance.high,
        f"kad_{embedding}": distance.kernel,
        f"kad_{embedding}_low": distance.kernel_low,
        f"kad_{embedding}_high": distance.kernel_high,
        f"density_{embedding}": distance.density,
        f"coverage_{embedding}": distance.coverage,
    }


def write_reference(
    folder: Path, source: Source, held_out: Music, crops: Sequence[Crop], advance: Callable[[], None]
) -> None:
    """Cut the crops out of the held-out audio files, and write them as `0000.flac` and so on.

    Raises:
        BadClip: a file has become unreadable.
        UserError: the clips cannot be written.
    """
    missing = [number for number in range(len(crops)) if not path_of(folder, number).is_file()]
    numbers: dict[str, list[int]] = {}
    for number in missing:
        numbers.setdefault(held_out.ids[crops[number].file], []).append(number)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for item in source:
        if item.id not in numbers:
            continue
        audio, rate = item.read(accept_truncated=False)
        for number in numbers[item.id]:
            start = round(crops[number].start * rate)
            clip = audio[:, start : start + round(held_out.seconds * rate)]
            with explain_write_errors(folder):
                write_atomically(path_of(folder, number), flac_bytes(clip, rate))
            advance()


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write `generate.csv`.

    Raises:
        UserError: it cannot be written.
    """
    content = [row.as_dict() for row in rows]
    names = list(dict.fromkeys(name for row in content for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet_text(value) for name, value in row.items()} for row in content)
    with explain_write_errors(path.parent):
        write_atomically(path, text.getvalue().encode())
