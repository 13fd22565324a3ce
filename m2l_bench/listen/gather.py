"""What a page shows: the clips of runs, where their originals and reconstructions lie, and what was measured."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.base import PairedMetric
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.runs.audio import originals
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.runs.schema import Row

KINDS = ("neural", "classical", "anchor")
"""The order of systems on the page."""
ORIGINAL_AGAIN = "hidden-reference"
"""Adapter that only repeats the original: on the page that is the original itself, hidden in blind tests."""


@dataclass(frozen=True)
class ListeningClip:
    """A clip with at least one reconstruction to hear."""

    clip: Clip
    caption: str
    made: dict[str, Path]
    """Reconstructions by system."""
    values: dict[str, dict[str, float]]
    """Metrics by system and name; absent where there is no value."""


@dataclass(frozen=True)
class Collection:
    """Everything a page is made from."""

    dataset: str
    systems: tuple[MeasuredRun, ...]
    metrics: tuple[PairedMetric, ...]
    clips: tuple[ListeningClip, ...]
    notes: tuple[str, ...]
    """What is not on the page, and why."""


def gather(
    runs: Path,
    dataset: str | None = None,
    data: Path | None = None,
    cards: Sequence[Path] = (),
    captions: Path | None = None,
    limit: int | None = None,
) -> Collection:
    """Find the audio of the newest run of each system over one dataset.

    Args:
        runs: the folder that holds runs, or a dataset's folder in it.
        dataset: which one, where there are several.
        data: where the originals lie now, for datasets that are not in this package and whose folder is not known.
        cards: folders of further cards, for datasets of others.
        captions: CSV with the columns `id` (or `ytid`) and `caption`.
        limit: only the first clips.

    Raises:
        UserError: no runs, several datasets and none named, originals that cannot be found, or no audio in the runs.
    """
    if dataset is None and not find_runs(runs) and any(runs.glob("*/manifest.json")):
        runs, dataset = runs.resolve().parent, runs.resolve().name
    found = measured_runs(runs, dataset)
    systems = [run for run in found.runs if run.manifest.card.adapter != ORIGINAL_AGAIN]
    systems.sort(key=lambda run: (KINDS.index(run.manifest.card.kind), run.title))
    notes = list(found.notes)
    silent = [run.name for run in systems if not any(row.audio for row in run.measured)]
    systems = [run for run in systems if run.name not in silent]
    if not systems:
        raise UserError(
            f"{runs / found.dataset}: these runs kept no reconstructions to hear: "
            "run `m2l-bench reconstruct` again with --audio and another --out"
        )
    notes += [f"{name}: not on the page, its run kept no audio (--no-audio)" for name in silent]
    written = _read_captions(captions) if captions else {}
    by_clip: dict[str, dict[str, Row]] = {}
    for run in systems:
        for row in run.measured:
            by_clip.setdefault(row.id, {})[run.name] = row
    clips_by_id = originals(systems[0], data, cards)
    gone = by_clip.keys() - clips_by_id.keys()
    if gone:
        notes.append(f"left out: {len(gone)} clips that are no longer in the dataset, such as {min(gone)!r}")
    clips: list[ListeningClip] = []
    for clip in clips_by_id.values():
        if len(clips) == limit:
            break
        rows = by_clip.get(clip.id, {})
        made, problem = _reconstructions(clip, systems, rows)
        if problem:
            notes.append(problem)
        elif made:
            values = {
                name: {metric: value for metric in PAIRED if (value := rows[name].value(metric)) is not None}
                for name in made
            }
            clips.append(ListeningClip(clip, written.get(clip.id, clip.caption), made, values))
    if not clips:
        raise UserError(f"{runs / found.dataset}: none of its clips can be shown: {notes[-1]}")
    metrics = tuple(
        metric
        for name, metric in PAIRED.items()
        if any(name in values for clip in clips for values in clip.values.values())
    )
    return Collection(found.dataset, tuple(systems), metrics, tuple(clips), tuple(notes))


def _reconstructions(clip: Clip, systems: list[MeasuredRun], rows: dict[str, Row]) -> tuple[dict[str, Path], str]:
    """Files by system, and why the clip cannot be shown."""
    made = {}
    for run in systems:
        row = rows.get(run.name)
        if row and row.audio:
            path = run.folder / row.audio
            if not path.is_file():
                return {}, f"{clip.id!r}: left out: {path} is gone"
            made[run.name] = path
    if not made:
        return {}, ""
    if not clip.path.is_file():
        return {}, f"{clip.id!r}: left out: its original {clip.path} is gone"
    if any(rows[name].source_sha256 != file_checksum(clip.path) for name in made):
        return {}, f"{clip.id!r}: left out: its original {clip.path} is not the file that was measured"
    return made, ""


def _read_captions(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or ()
            id = next((name for name in ("id", "ytid") if name in names), None)
            if id is None or "caption" not in names:
                raise UserError(f"{path}: needs the columns id (or ytid) and caption")
            return {row[id]: row["caption"] or "" for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from error
