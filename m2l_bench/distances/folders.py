"""Fréchet audio distances between two folders of audio, or a folder and a file of statistics."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.cards import EmbeddingCard
from m2l_bench.distances.folder_vectors import folder_vectors
from m2l_bench.distances.measure import Distance, measure
from m2l_bench.distances.references import StatisticsFile
from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import GaussianStatistics, clip_distance, statistics
from m2l_bench.progress import Progress
from m2l_bench.runs.vectors import StoredClips
from m2l_bench.systems.adapters import adapter_availability
from m2l_bench.systems.embedding_runner import EmbeddingRunner, load_embedding
from m2l_bench.text import first_of


@dataclass
class Comparison:
    """What one embedding says of two sets."""

    embedding: str
    distance: Distance
    reference: GaussianStatistics
    by_clip: dict[str, float]
    """Distance of each evaluated clip alone to the reference."""
    failed: dict[str, str]
    notes: list[str]


def compare_all(
    reference: Path,
    evaluated: Path,
    embeddings: Sequence[EmbeddingCard],
    cache: Path,
    progress: Progress,
    *,
    device: str = "cpu",
    weights_dir: Path | None = None,
) -> tuple[list[Comparison], dict[str, str]]:
    """Distances by every embedding that is available here; and why not by the others.

    Raises:
        UserError: none is available, or as `compare`.
    """
    states = {card.name: adapter_availability(card, weights_dir) for card in embeddings}
    absent = {name: str(state) for name, state in states.items() if not state}
    if len(absent) == len(embeddings):
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in absent.items()) or "no embedding is named")
    comparisons = []
    for card in embeddings:
        if card.name not in absent:
            runner = load_embedding(card, device=device, weights_dir=weights_dir)
            comparisons.append(compare(reference, evaluated, card.name, runner, cache, progress))
    return comparisons, absent


def compare(
    reference: Path, evaluated: Path, name: str, runner: EmbeddingRunner, cache: Path, progress: Progress
) -> Comparison:
    """Distance of the folder `evaluated` to a folder or file of statistics.

    Where the files of both folders have the same names, they are taken for originals and reconstructions of the same
    clips.

    Raises:
        UserError: as `folder_vectors` and `StatisticsFile`, or too few vectors for a distance.
    """
    folders = [evaluated] if reference.is_file() else [reference, evaluated]
    sets = [folder_vectors(folder, name, runner, cache, progress) for folder in folders]
    own = sets[-1]
    clips = StoredClips(own.paths)
    notes = []
    try:
        if len(sets) == 1:
            whole = StatisticsFile(reference).read(name, runner.dim)
            distance = measure(whole, clips, paired=False)
        else:
            originals = StoredClips(sets[0].paths)
            whole = statistics(originals)
            # Names sort alike in both folders, so equal names stand at equal places.
            distance = measure(originals, clips, paired=own.ids == sets[0].ids)
            alone = sorted({*own.ids} ^ {*sets[0].ids})
            if alone and len(alone) < len(own.ids):
                names = first_of([repr(id) for id in alone])
                notes.append(f"the interval takes the sets for independent: only one of them has {names}")
        by_clip = {id: clip_distance(whole, clip) for id, clip in zip(own.ids, clips, strict=True)}
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error
    failed: dict[str, str] = {}
    silent: list[str] = []
    for folder, found in zip(folders, sets, strict=True):
        failed |= {f"{folder.name}/{id}": reason for id, reason in found.failed.items()}
        silent += [f"{folder.name}/{id}" for id in found.silent]
    if silent:
        notes.append(f"silent: {first_of([repr(id) for id in silent])}")
    return Comparison(name, distance, whole, by_clip, failed, [*distance.notes, *notes])


def write_clip_distances(path: Path, comparisons: Sequence[Comparison]) -> None:
    """A row a clip and embedding, the farthest first.

    Raises:
        UserError: it cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["embedding", "id", "distance"])
            for comparison in comparisons:
                for id, distance in sorted(comparison.by_clip.items(), key=lambda item: -item[1]):
                    writer.writerow([comparison.embedding, id, f"{distance:.6g}"])
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror})") from error
