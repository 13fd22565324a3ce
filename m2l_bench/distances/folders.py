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
from m2l_bench.text import first_of, spreadsheet_text


@dataclass
class Comparison:
    """Comparison of two sets by one embedding."""

    embedding: str
    distance: Distance
    reference: GaussianStatistics
    by_clip: dict[str, float]
    """Distance of each evaluated clip alone to the reference, by id."""
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
    """Compare two sets by every embedding that is available here.

    Returns:
        the comparisons, and by name the reasons why the other embeddings are not available.

    Raises:
        UserError: no embedding is available, or as in `compare`.
    """
    states = {card.name: adapter_availability(card, weights_dir) for card in embeddings}
    unavailable = {name: str(state) for name, state in states.items() if not state}
    if len(unavailable) == len(embeddings):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unavailable.items())
        raise UserError(reasons or "no embedding is named")
    comparisons = []
    for card in embeddings:
        if card.name not in unavailable:
            runner = load_embedding(card, device=device, weights_dir=weights_dir)
            comparisons.append(compare(reference, evaluated, card.name, runner, cache, progress))
    return comparisons, unavailable


def compare(
    reference: Path, evaluated: Path, name: str, runner: EmbeddingRunner, cache: Path, progress: Progress
) -> Comparison:
    """Compare the folder `evaluated` with a reference, which is a folder or a file of statistics.

    If the files of both folders have the same names, they count as originals and reconstructions of the same clips.

    Args:
        name: name of the embedding.
        cache: folder where vectors are cached.

    Raises:
        UserError: as in `folder_vectors` and `StatisticsFile`, or there are too few vectors for a distance.
    """
    folders = [evaluated] if reference.is_file() else [reference, evaluated]
    sets = [folder_vectors(folder, name, runner, cache, progress) for folder in folders]
    evaluated_set = sets[-1]
    clips = StoredClips(evaluated_set.paths)
    notes = []
    try:
        if len(sets) == 1:
            reference_statistics = StatisticsFile(reference).read(name, runner.dim)
            distance = measure(reference_statistics, clips, paired=False)
        else:
            originals = StoredClips(sets[0].paths)
            reference_statistics = statistics(originals)
            # Ids are sorted in both folders, so equal ids have equal positions.
            distance = measure(originals, clips, paired=evaluated_set.ids == sets[0].ids)
            unpaired = sorted({*evaluated_set.ids} ^ {*sets[0].ids})
            if unpaired and len(unpaired) < len(evaluated_set.ids):
                names = first_of([repr(id) for id in unpaired])
                notes.append(f"the interval takes the sets for independent: only one of them has {names}")
        by_clip = {
            id: clip_distance(reference_statistics, clip) for id, clip in zip(evaluated_set.ids, clips, strict=True)
        }
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error
    failed: dict[str, str] = {}
    silent: list[str] = []
    for folder, vectors in zip(folders, sets, strict=True):
        failed |= {f"{folder.name}/{id}": reason for id, reason in vectors.failed.items()}
        silent += [repr(f"{folder.name}/{id}") for id in vectors.silent]
        notes += vectors.notes
    if silent:
        notes.append(f"silent: {first_of(list(dict.fromkeys(silent)))}")
    # Both sets may be one folder, which then says everything twice.
    return Comparison(name, distance, reference_statistics, by_clip, failed, [*distance.notes, *dict.fromkeys(notes)])


def write_clip_distances(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write one row per embedding and clip, the largest distance first.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["embedding", "id", "distance"])
            for comparison in comparisons:
                for id, distance in sorted(comparison.by_clip.items(), key=lambda item: -item[1]):
                    writer.writerow([comparison.embedding, spreadsheet_text(id), f"{distance:.6g}"])
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror})") from error
