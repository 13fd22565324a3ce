"""Recompute the figures of a submission from its audio and from the originals, which are not part of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.api.evaluate import evaluate
from m2l_bench.audio import Audio
from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.datasets.base import Clip
from m2l_bench.errors import MissingRecording, UserError
from m2l_bench.metrics import PAIRED, metric
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress, Quiet
from m2l_bench.reconstruction.scoring import score
from m2l_bench.runs.audio import originals, read_original
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Row
from m2l_bench.submissions.check import Check, read_submission, reconstruction
from m2l_bench.submissions.schema import SubmittedRun
from m2l_bench.text import counted, first_of

STEP = 1 / 32768
"""Step of the 16-bit files that hold reconstructions; the stated figures are of audio that was not rounded."""
TIMES = 4
"""A figure may differ by this many times what rounding the file once more changes."""
INFINITE_FOR_COPIES = ("si_sdr_db", "si_sdr_aligned_db")
"""Metrics that are infinite for exact copies."""
SET_TOLERANCE = 0.01
"""Relative difference that rounding may make in a distance of sets."""


class SubmittedAudio(Reconstructor):
    """A system whose reconstructions are those of a submitted run.

    Args:
        files: name of the file of each clip.
        folder: the run's folder.
    """

    def __init__(self, files: dict[str, str], folder: str) -> None:
        self.files, self.folder = files, Path(folder)

    def sources(self, clip_id: str) -> list[Path]:
        """List the file of a clip."""
        return [self.folder / self.files[clip_id]] if clip_id in self.files else []

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """Read the file of a clip, (channels, samples), which is at the original's rate."""
        if clip_id not in self.files:
            raise MissingRecording("not submitted")
        return audio_files.read(self.folder / self.files[clip_id])[0]


@dataclass(frozen=True)
class Place:
    """Where figures are computed again, and from which originals."""

    out: Path
    """Folder for the recomputed runs, which are not measured again if they are there."""
    data: Mapping[str, Path] = field(default_factory=dict)
    """Folders of originals by dataset; datasets that are in this package need none."""
    cards: Sequence[Path] = ()
    """Folders of further cards, for tasks that are not in this package."""
    jobs: int = 0
    """Worker processes; 0: one per core."""
    progress: Progress = field(default_factory=Quiet)


@dataclass(frozen=True)
class _Run:
    """A run that can be recomputed, and its originals."""

    stated: SubmittedRun
    run: MeasuredRun
    clips: dict[str, Clip]

    @property
    def about(self) -> str:
        return _about(self.stated)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of its metrics of clips and of sets."""
        return (*(name for name in self.stated.figures if name in PAIRED), *self.run.distances)


def recompute(folder: Path, place: Place) -> Iterator[Check]:
    """Recompute each run whose audio was submitted, and say why the others cannot be recomputed.

    The files and figures must have been checked before; see `check_submission`.
    """
    groups: dict[tuple[object, ...], list[_Run]] = {}
    checksum = functools.cache(file_checksum)  # the runs of a submission have the same originals

    def is_original(clip: Clip, row: Row) -> bool:
        return clip.path.is_file() and checksum(clip.path) == row.source_sha256

    for stated in read_submission(folder).runs:
        if stated.kind == "probe":
            yield Check(
                _about(stated), "not checked", "a probe's classifier is not submitted: train it again to compare"
            )
            continue
        run = reconstruction(folder, stated)
        try:
            clips = originals(run, place.data.get(stated.dataset), place.cards)
        except UserError as error:
            yield Check(_about(stated), "not checked", str(error))
            continue
        others = [row.id for row in run.measured if row.id not in clips or not is_original(clips[row.id], row)]
        if others:
            detail = f"originals that are missing here, or are other files: {first_of(others)}"
            yield Check(_about(stated), "differs", detail)
        elif not stated.audio:
            detail = f"no audio was submitted; {counted(stated.clips, 'original')} equal those that were measured"
            yield Check(_about(stated), "not checked", detail)
        else:
            ready, key = _Run(stated, run, clips), run.manifest.key
            groups.setdefault((stated.dataset, key.task_digest, key.section_seconds, ready.metrics), []).append(ready)
    for runs in groups.values():
        try:
            again = _measured_again(runs, place)
        except UserError as error:
            yield from (Check(ready.about, "not checked", str(error)) for ready in runs)
            continue
        for number, ready in enumerate(runs):
            yield from _compared(ready, again[_name(number)])


def _about(stated: SubmittedRun) -> str:
    return f"{stated.dataset}, {stated.name}"


def _measured_again(runs: Sequence[_Run], place: Place) -> dict[str, MeasuredRun]:
    """Measure runs over the same clips by the same metrics; returns them by name."""
    key = runs[0].run.manifest.key
    task = next(card for card in load_cards(place.cards).tasks.values() if card.data_digest == key.task_digest)
    evaluation = evaluate(
        [_card(ready.run, _name(number)) for number, ready in enumerate(runs)],
        task.name,
        data=place.data.get(runs[0].stated.dataset),
        metrics=runs[0].metrics,
        out=place.out,
        jobs=place.jobs,
        audio=False,
        section_seconds=key.section_seconds,
        cards=place.cards,
        progress=place.progress,
    )
    return {run.name: run for run in evaluation.measured.runs}


def _compared(ready: _Run, again: MeasuredRun) -> Iterator[Check]:
    run, names = ready.run, ready.metrics
    versions = run.manifest.metric_versions
    comparable = [name for name in names if again.manifest.metric_versions.get(name) == versions.get(name)]
    problems: list[str] = []
    cut: set[str] = set()
    for name in comparable:
        if name in PAIRED:
            wrong = _wrong_clips(name, ready, again)
            cut |= {id for id in wrong if _is_cut(ready, id)}
            problems += [problem for id, problem in wrong.items() if id not in cut]
        else:
            problems += _wrong_distance(name, run, again)
    if problems:
        yield Check(ready.about, "differs", first_of(problems, 5, "; "))
    elif comparable:
        absent = len(ready.clips) - len(run.measured)
        note = f"; without {counted(absent, 'clip')} of the dataset" if absent else ""
        clips = counted(ready.stated.clips - len(cut), "clip")
        yield Check(ready.about, "ok", f"{clips} recomputed from audio: {', '.join(comparable)}{note}")
    if cut:
        examples = first_of([f"'{id}'" for id in sorted(cut)])
        detail = f"{counted(len(cut), 'clip')} whose audio was cut off at full scale when it was written: {examples}"
        yield Check(ready.about, "not checked", detail)
    left_out = [f"{name} ({_reason(name, run, again)})" for name in names if name not in comparable]
    if left_out:
        yield Check(ready.about, "not checked", "; ".join(left_out))


def _name(number: int) -> str:
    """Name of a recomputed run: those of submitted runs may have characters that a card's name may not."""
    return f"run{number + 1}"


def _card(run: MeasuredRun, name: str) -> SystemCard:
    files = {row.id: row.audio for row in run.measured}
    return SystemCard(
        name=name,
        title=run.title,
        kind="neural",
        adapter=f"{__name__}:{SubmittedAudio.__name__}",
        options={"files": files, "folder": str(run.folder.resolve())},
    )


def _reason(name: str, run: MeasuredRun, again: MeasuredRun) -> str:
    here = again.manifest.metric_versions.get(name)
    if here is None:
        return next((s.not_measured[name] for s in again.manifest.sessions if name in s.not_measured), "not measured")
    return f"version {run.manifest.metric_versions.get(name)}, but {here} here"


def _wrong_clips(name: str, ready: _Run, again: MeasuredRun) -> dict[str, str]:
    """Describe, by id, the clips whose stated value is not what their audio gives."""
    unit = 10.0 ** -metric(name).decimals
    recomputed = {row.id: row for row in again.rows}
    problems = {}
    for row in ready.run.measured:
        stated, value = row.value(name), recomputed[row.id].value(name)
        if stated is None or value is None:
            if stated is not value:
                problems[row.id] = f"'{row.id}': {name} is stated as {stated}, but its audio gives {value}"
        elif not abs(stated - value) <= unit and not _is_rounding(name, ready, row, stated, value):
            problems[row.id] = f"'{row.id}': {name} is stated as {stated:.6g}, but its audio gives {value:.6g}"
    return problems


def _is_cut(ready: _Run, id: str) -> bool:
    """Whether a file reaches full scale: what was louder was cut off when it was written, after it was measured."""
    row = next(row for row in ready.run.rows if row.id == id)
    return float(np.abs(audio_files.read(ready.run.folder / str(row.audio))[0]).max()) >= 1 - STEP


def _is_rounding(name: str, ready: _Run, row: Row, stated: float, value: float) -> bool:
    """Whether a difference is within what the rounding of the file to 16 bits can make."""
    original, rate = read_original(ready.clips[row.id], row)
    audio = audio_files.read(ready.run.folder / str(row.audio))[0]
    if not np.isfinite(value):
        return stated == value
    if np.isinf(stated):  # of an exact copy, whose file was rounded
        same = audio.shape == original.shape and bool(np.abs(audio - original).max() <= STEP)
        return same and name in INFINITE_FOR_COPIES and stated > 0
    noise = np.random.default_rng(0).uniform(-STEP / 2, STEP / 2, audio.shape).astype(audio.dtype)
    rounded_again = row.model_copy(update={"values": {}, "notes": {}})
    score(rounded_again, original, audio + noise, rate, [name])
    changed = rounded_again.values[name]
    return changed is not None and abs(stated - value) <= TIMES * abs(changed - value)


def _wrong_distance(name: str, run: MeasuredRun, again: MeasuredRun) -> Iterator[str]:
    """Describe which figures of a distance, with intervals and resamples, are not those of the audio."""
    unit = 10.0 ** -metric(name).decimals
    stated, recomputed = run.distances[name].model_dump(), again.distances[name].model_dump()
    for figure in (
        "clips",
        "value",
        "low",
        "high",
        "resampled",
        "kernel",
        "kernel_low",
        "kernel_high",
        "kernel_resampled",
    ):
        first, second = (np.array(figures[figure], float) for figures in (stated, recomputed))
        if first.shape != second.shape:
            yield f"{name}: {figure} has {first.size} values, but the audio gives {second.size}"
        elif not np.all(
            (np.abs(first - second) <= unit + SET_TOLERANCE * np.abs(second)) | (np.isnan(first) & np.isnan(second))
        ):
            worst = int(np.argmax(np.nan_to_num(np.abs(first - second), nan=np.inf)))
            values = first.ravel()[worst], second.ravel()[worst]
            yield f"{name}: {figure} is stated as {values[0]:.6g}, but the audio gives {values[1]:.6g}"
