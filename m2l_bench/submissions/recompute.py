"""Recompute the figures of a submission from its audio and from the originals, which are not part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from m2l_bench.progress import Progress
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


def recompute(
    folder: Path,
    data: Path | None,
    cards: Sequence[Path],
    out: Path,
    jobs: int,
    progress: Progress,
) -> Iterator[Check]:
    """Recompute each run whose audio was submitted, and say of the others why that cannot be done.

    The files and figures must have been checked before; see `check_submission`.

    Args:
        data: folder of the originals; datasets that are in this package need none.
        cards: folders of further cards, for tasks that are not in this package.
        out: folder for the recomputed runs, which are not measured again if they are there.
    """
    for stated in read_submission(folder).runs:
        about = f"{stated.dataset}, {stated.name}"
        if stated.kind == "probe":
            yield Check(about, "not checked", "a probe's classifier is not submitted: train it again to compare")
            continue
        run = reconstruction(folder, stated)
        try:
            clips = originals(run, data, cards)
        except UserError as error:
            yield Check(about, "not checked", str(error))
            continue
        others = [row.id for row in run.measured if row.id not in clips or not _is_original(clips[row.id], row)]
        if others:
            yield Check(about, "differs", f"the originals here are other files or missing: {first_of(others)}")
        elif not stated.audio:
            yield Check(about, "not checked", f"{counted(stated.clips, 'original')} equal, but no audio was submitted")
        else:
            yield _recomputed(about, stated, run, clips, data, cards, out, jobs, progress)


def _is_original(clip: Clip, row: Row) -> bool:
    return clip.path.is_file() and file_checksum(clip.path) == row.source_sha256


def _recomputed(
    about: str,
    stated: SubmittedRun,
    run: MeasuredRun,
    clips: dict[str, Clip],
    data: Path | None,
    cards: Sequence[Path],
    out: Path,
    jobs: int,
    progress: Progress,
) -> Check:
    task = next(card for card in load_cards(cards).tasks.values() if card.data_digest == run.manifest.key.task_digest)
    names = [name for name in stated.figures if name in PAIRED] + list(run.distances)
    evaluation = evaluate(
        _card(run),
        task.name,
        data=data,
        metrics=names,
        out=out,
        jobs=jobs,
        audio=False,
        section_seconds=run.manifest.key.section_seconds,
        cards=cards,
        progress=progress,
    )
    again = evaluation.measured.runs[0]
    versions = run.manifest.metric_versions
    comparable = [name for name in names if again.manifest.metric_versions.get(name) == versions.get(name)]
    problems = [
        problem
        for name in comparable
        for problem in (_wrong_clips(name, run, again, clips) if name in PAIRED else _wrong_distance(name, run, again))
    ]
    left_out = [f"{name} ({_reason(name, run, again)})" for name in names if name not in comparable]
    if problems:
        return Check(about, "differs", first_of(problems, 5, "; "))
    if not comparable:
        return Check(about, "not checked", "; ".join(left_out))
    detail = f"{counted(stated.clips, 'clip')} recomputed from audio: {', '.join(comparable)}"
    return Check(about, "ok", detail + (f"; not checked: {'; '.join(left_out)}" if left_out else ""))


def _card(run: MeasuredRun) -> SystemCard:
    files = {row.id: row.audio for row in run.measured}
    return SystemCard(
        name=run.manifest.card.name,
        title=run.title,
        kind="neural",
        adapter=f"{__name__}:{SubmittedAudio.__name__}",
        options={"files": files, "folder": str(run.folder.resolve())},
    )


def _reason(name: str, run: MeasuredRun, again: MeasuredRun) -> str:
    here = again.manifest.metric_versions.get(name)
    if here is None:
        return next((s.not_measured[name] for s in again.manifest.sessions if name in s.not_measured), "not measured")
    return f"version {run.manifest.metric_versions.get(name)}, here {here}"


def _wrong_clips(name: str, run: MeasuredRun, again: MeasuredRun, clips: dict[str, Clip]) -> Iterator[str]:
    """Describe the clips whose stated value is not what their audio gives."""
    unit = 10.0 ** -metric(name).decimals
    recomputed = {row.id: row for row in again.rows}
    for row in run.measured:
        stated, value = row.value(name), recomputed[row.id].value(name)
        if stated is None or value is None:
            if stated is not value:
                yield f"'{row.id}': {name} is stated as {stated}, its audio gives {value}"
        elif abs(stated - value) > unit and not _is_rounding(name, run, row, clips[row.id], stated, value):
            yield f"'{row.id}': {name} is stated as {stated:.6g}, its audio gives {value:.6g}"


def _is_rounding(name: str, run: MeasuredRun, row: Row, clip: Clip, stated: float, value: float) -> bool:
    """Whether a difference is within what the rounding of the file to 16 bits can make."""
    original, rate = read_original(clip, row)
    audio = audio_files.read(run.folder / str(row.audio))[0]
    if np.isinf(stated):  # an exact copy
        return audio.shape == original.shape and bool(np.abs(audio - original).max() <= STEP)
    noise = np.random.default_rng(0).uniform(-STEP / 2, STEP / 2, audio.shape).astype(audio.dtype)
    rounded_again = row.model_copy(update={"values": {}, "notes": {}})
    score(rounded_again, original, audio + noise, rate, [name])
    changed = rounded_again.values[name]
    return changed is not None and abs(stated - value) <= TIMES * abs(changed - value)


def _wrong_distance(name: str, run: MeasuredRun, again: MeasuredRun) -> Iterator[str]:
    unit = 10.0 ** -metric(name).decimals
    first, second = run.distances[name], again.distances[name]
    for figure in ("value", "kernel"):
        stated, value = getattr(first, figure), getattr(second, figure)
        if stated is None or value is None:
            if stated is not value:
                yield f"{name}: {figure} is stated as {stated}, the audio gives {value}"
        elif abs(stated - value) > unit + SET_TOLERANCE * abs(value):
            yield f"{name}: {figure} is stated as {stated:.6g}, the audio gives {value:.6g}"
