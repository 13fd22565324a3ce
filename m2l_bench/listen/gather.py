"""The content of a page: clips of runs, the paths of their originals and reconstructions, and their metrics."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.listen.content import Collection, Figure, ListeningClip, ShownSystem
from m2l_bench.metrics import PAIRED, metric
from m2l_bench.metrics.column_sets import columns_of
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.plots.explanations import explanation
from m2l_bench.plots.looks import looks
from m2l_bench.plots.runs import measured_metrics, ranked_clips
from m2l_bench.runs.audio import originals
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.runs.schema import Row
from m2l_bench.tables.rates import KILOBITS, rates_of
from m2l_bench.tables.reconstruction import best_first
from m2l_bench.text import counted

ORIGINAL_AGAIN = "hidden-reference"
"""Adapter that only repeats the original; the page uses the original itself, which it hides in blind tests."""


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
        runs: folder of runs, or one dataset's folder in it.
        dataset: name of the dataset; default: that of the newest run.
        data: folder of the originals; needed if the run does not know it or it was moved.
        cards: folders of further cards, for tasks that are not in this package.
        captions: CSV with the columns `id` (or `ytid`) and `caption`.
        limit: use only this many clips, the first ones.

    Raises:
        UserError: there are no runs, the originals cannot be found, or the runs
            kept no audio.
    """
    if dataset is None and not find_runs(runs) and any(runs.glob("*/manifest.json")):
        runs, dataset = runs.resolve().parent, runs.resolve().name
    newest = measured_runs(runs, dataset)
    systems = best_first([run for run in newest.runs if run.manifest.card.adapter != ORIGINAL_AGAIN])
    notes = list(newest.notes)
    without_audio = [run.name for run in systems if not any(row.audio for row in run.measured)]
    systems = [run for run in systems if run.name not in without_audio]
    if not systems:
        raise UserError(
            f"{runs / newest.dataset}: these runs kept no reconstructions to hear: "
            "run `m2l-bench reconstruct` again with --audio and another --out"
        )
    notes += [f"{name}: not on the page, its run kept no audio (--no-audio)" for name in without_audio]
    caption_by_id = _read_captions(captions) if captions else {}
    rows_by_id: dict[str, dict[str, Row]] = {}
    for run in systems:
        for row in run.measured:
            rows_by_id.setdefault(row.id, {})[run.name] = row
    clips_by_id = originals(systems[0], data, cards)
    removed = rows_by_id.keys() - clips_by_id.keys()
    if removed:
        notes.append(f"left out: {counted(len(removed), 'clip')} no longer in the dataset, such as {min(removed)!r}")
    clips: list[ListeningClip] = []
    for clip in clips_by_id.values():
        if len(clips) == limit:
            break
        rows = rows_by_id.get(clip.id, {})
        reconstructions, problem = _find_reconstructions(clip, systems, rows)
        if problem:
            notes.append(problem)
        elif reconstructions:
            values = {
                name: {column: value for column in PAIRED if (value := rows[name].value(column)) is not None}
                for name in reconstructions
            }
            caption = caption_by_id.get(clip.id, clip.caption)
            clips.append(ListeningClip(clip, caption, reconstructions, values))
    if not clips:
        raise UserError(f"{runs / newest.dataset}: none of its clips can be shown: {notes[-1]}")
    requested = {name for run in systems for name in run.requested_metrics}
    metrics = tuple(
        PAIRED[name]
        for name in columns_of("paper", requested)
        if any(name in values for clip in clips for values in clip.values.values())
    )
    figures = tuple(Figure(metric(name), explanation(name)) for name in measured_metrics(systems))
    return Collection(
        newest.dataset,
        _shown_systems(systems, figures),
        figures,
        metrics,
        tuple(clips),
        tuple(ranked_clips(systems, [clip.clip.id for clip in clips])),
        tuple(notes),
    )


def _shown_systems(runs: Sequence[MeasuredRun], figures: Sequence[Figure]) -> tuple[ShownSystem, ...]:
    system_looks = looks(run.name for run in runs)
    return tuple(
        ShownSystem(
            name=run.name,
            title=run.title,
            clips=len(run.measured),
            kilobits=rates_of(run).figures[KILOBITS],
            figures={figure.metric.name: run.figure(figure.metric.name) for figure in figures},
            look=system_looks[run.name],
            **run.manifest.card.model_dump(include={"kind", "description", "citation", "source"}),
        )
        for run in runs
    )


def _find_reconstructions(clip: Clip, systems: list[MeasuredRun], rows: dict[str, Row]) -> tuple[dict[str, Path], str]:
    """Find a clip's files by system; if it cannot be shown, there are none, and the second value is the reason."""
    paths = {}
    for run in systems:
        row = rows.get(run.name)
        if row and row.audio:
            path = run.folder / row.audio
            if not path.is_file():
                return {}, f"{clip.id!r}: left out: {path} is gone"
            paths[run.name] = path
    if not paths:
        return {}, ""
    if not clip.path.is_file():
        return {}, f"{clip.id!r}: left out: its original {clip.path} is gone"
    if {rows[name].source_sha256 for name in paths} != {file_checksum(clip.path)}:
        return {}, f"{clip.id!r}: left out: its original {clip.path} is not the file that was measured"
    return paths, ""


def _read_captions(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            id_column = next((name for name in ("id", "ytid") if name in columns), None)
            if id_column is None or "caption" not in columns:
                raise UserError(f"{path}: needs the columns id (or ytid) and caption")
            return {row[id_column]: row["caption"] or "" for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from error
