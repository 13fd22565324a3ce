"""Reconstruction pipeline: run systems over a dataset, score each clip, and write one run per system to disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.boundary import reason_of
from m2l_bench.cards import SystemCard
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.datasets.base import Clip
from m2l_bench.datasets.loading import loader_version
from m2l_bench.distances.references import load_references
from m2l_bench.engine import default_jobs, map_unordered
from m2l_bench.errors import BadClip, MissingRecording, UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress, Quiet
from m2l_bench.reconstruction.plan import Plan, Settings
from m2l_bench.reconstruction.scoring import score
from m2l_bench.reconstruction.set_metrics import Embedder, measure_distances
from m2l_bench.runs.provenance import now, origin
from m2l_bench.runs.reconstruction import Run, RunKey, is_complete, open_run
from m2l_bench.runs.schema import Row, Session
from m2l_bench.systems.clip_work import Cost
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.devices import torch_device
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.systems.loading import load_system, system_versions
from m2l_bench.weights.locate import cache_folder

PACKAGES = ("m2l-bench", "torch", "numpy", "scipy", "soundfile", "soxr", "visqol-python")
"""Packages whose versions a manifest records."""


@dataclass
class Outcome:
    """Result of one system."""

    system: str
    folder: Path
    measured: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    already_done: int = 0
    started_because: str = ""
    """Reason why a new run was started beside an earlier run of the same name; empty if none was."""
    problem: str = ""
    """Reason why the system could not run at all; empty if it could."""


def reconstruct(plan: Plan, settings: Settings, progress: Progress | None = None) -> list[Outcome]:
    """Carry out a plan, system by system. Clips that are finished on disk are not done again.

    Raises:
        UserError: weights are damaged, the reference is unusable, or a file cannot be written; finished clips are safe.
    """
    progress = progress or Quiet()
    device, jobs = torch_device(settings.device), settings.jobs or default_jobs()
    embedders = [
        Embedder(metric, load_embedding(card, device=device, weights_dir=settings.weights_dir))
        for metric, card in plan.set_metrics
    ]
    runners = {embedder.metric.embedding: embedder.runner for embedder in embedders}
    references = load_references(settings.reference, runners, cache_folder(), progress)
    outcomes = [_run_system(plan, card, settings, embedders, progress) for card in plan.available]
    folders = [outcome.folder for outcome in outcomes if not outcome.problem]
    measure_distances(folders, embedders, references, jobs, progress)
    return outcomes


def _run_system(
    plan: Plan, card: SystemCard, settings: Settings, embedders: Sequence[Embedder], progress: Progress
) -> Outcome:
    key = _key(plan, card, settings, embedders)
    clips = {clip.id: clip for clip in plan.dataset.clips}
    try:
        system = load_system(
            card,
            steps=key.steps,
            seed=settings.seed,
            device=torch_device(settings.device),
            weights_dir=settings.weights_dir,
        )
    except Exception as error:
        return Outcome(card.name, settings.out / key.dataset / key.folder, problem=reason_of(error))
    if isinstance(system, CodecRunner):
        key = replace(key, weights_sha256=system.weights_sha256)
    sources = {id: [clip.path] for id, clip in clips.items()}
    if isinstance(system, Reconstructor):
        for id, paths in sources.items():
            paths += system.sources(id)

    def unchanged(row: Row) -> bool:
        return row.id not in sources or _same_sources(row, sources[row.id])

    with open_run(settings.out, key, card, unchanged) as run:
        if settings.limit is None:
            run.forget_failures_outside(clips)
        todo = [clip for clip in clips.values() if not _is_done(run, clip.id, plan, embedders)]
        outcome = Outcome(
            card.name, run.folder, started_because=run.started_because, already_done=len(clips) - len(todo)
        )
        if todo:
            run.add_session(_session(plan, settings))
            with progress.start(card.name, len(clips), outcome.already_done) as advance:
                for row in _measure_clips(run, system, todo, sources, plan, settings, embedders):
                    run.append(row)
                    advance()
            run.finish_session(now())
        for id in clips:
            row = run.rows[id]
            if row.measured:
                outcome.measured += 1
            else:
                (outcome.missing if row.status == "missing" else outcome.failed)[id] = row.reason or ""
    return outcome


def _is_done(run: Run, clip_id: str, plan: Plan, embedders: Sequence[Embedder]) -> bool:
    row = run.rows.get(clip_id)
    if row is None or not is_complete(row, plan.paired_metrics):
        return False
    return all(embedder.is_done(run.folder, row) for embedder in embedders)


def _measure_clips(
    run: Run,
    system: CodecRunner | Reconstructor,
    clips: Sequence[Clip],
    sources: dict[str, list[Path]],
    plan: Plan,
    settings: Settings,
    embedders: Sequence[Embedder],
) -> Iterator[Row]:
    """Reconstruct and embed in this process, one clip at a time, and score in workers; yields finished rows."""
    keep_audio = plan.task.keep_audio if settings.keep_audio is None else settings.keep_audio
    unusable: list[Row] = []

    def tasks() -> Iterator[tuple[Row, Audio, Audio, int, Sequence[str]]]:
        for clip in clips:
            row = Row(id=clip.id)
            try:
                original, rate = _read_original(clip, row, settings.accept_truncated)
                row.source_sha256, row.recording_sha256 = _hashes(sources[clip.id])
                row.source_stat = _stat(sources[clip.id])
                reconstruction, cost = _reconstruct_clip(system, clip.id, original, rate)
                for embedder in embedders:
                    embedder.embed(run.folder, row, original, reconstruction, rate)
            except UserError:
                raise
            except Exception as error:
                row.status = "missing" if isinstance(error, MissingRecording) else "failed"
                row.reason = reason_of(error)
                unusable.append(row)
                continue
            row = row.model_copy(update=dict(cost))
            if keep_audio:
                _keep_audio(run, row, reconstruction, rate)
            yield row, original, reconstruction, rate, plan.paired_metrics

    for row in map_unordered(_score, tasks(), settings.jobs or default_jobs(), _lost):
        yield from _drain(unusable)
        yield row
    yield from _drain(unusable)


def _drain(rows: list[Row]) -> Iterator[Row]:
    while rows:
        yield rows.pop(0)


def _keep_audio(run: Run, row: Row, reconstruction: Audio, rate: int) -> None:
    """Write a reconstruction beside the rows; where that is not possible, the row says why."""
    try:
        content, suffix = audio_files.encode(reconstruction, rate)
    except Exception as error:
        row.notes["audio"] = reason_of(error)
    else:
        row.audio = run.save_audio(row.id, content, suffix)


def _read_original(clip: Clip, row: Row, accept_truncated: bool) -> tuple[Audio, int]:
    """Read the original, clipped to full scale as in playback, and note its properties in the row.

    Returns:
        audio (channels, samples), and its sample rate in Hz.

    Raises:
        BadClip: the clip cannot be used.
    """
    if clip.problem:
        raise BadClip(clip.problem)
    original, rate = audio_files.read(
        clip.path, clip.start_seconds, clip.duration_seconds, accept_truncated=accept_truncated
    )
    if accept_truncated and clip.duration_seconds is None:
        stated = audio_files.stated_samples(clip.path)
        row.missing_samples = max(0, stated - original.shape[1]) or None if stated else None
    row.sample_rate, row.channels = rate, original.shape[0]
    row.clipped_samples = int(np.count_nonzero(np.abs(original) > 1.0))
    return np.clip(original, -1.0, 1.0), rate


def _reconstruct_clip(
    system: CodecRunner | Reconstructor, clip_id: str, original: Audio, rate: int
) -> tuple[Audio, Cost]:
    """Reconstruct one clip: the audio at the clip's rate, and what it took."""
    if isinstance(system, CodecRunner):
        reconstruction = system.reconstruct(clip_id, original, rate)
        return reconstruction.audio, reconstruction.cost
    return system.reconstruct(clip_id, original, rate), Cost()


def _score(row: Row, original: Audio, reconstruction: Audio, rate: int, metrics: Sequence[str]) -> Row:
    """Score a clip in a worker. Any exception of a metric is noted in the row: this clip fails, and the run goes on."""
    try:
        score(row, original, reconstruction, rate, metrics)
    except BadClip as error:
        row.status, row.reason = "failed", str(error)
    except Exception as error:
        row.status, row.reason = "failed", f"scoring: {reason_of(error)}"
    return row


def _lost(row: Row, *_: object) -> Row:
    """Note that scoring this clip ended its worker."""
    row.status, row.reason = "failed", "scoring: its process was killed by a signal (a crash, or no memory left)"
    return row


def _key(plan: Plan, card: SystemCard, settings: Settings, embedders: Sequence[Embedder]) -> RunKey:
    return RunKey(
        dataset=plan.dataset.label,
        root=plan.dataset.root,
        task_digest=plan.task.data_digest,
        system=card.name,
        card_digest=card.digest,
        steps=None if card.steps is None else settings.steps or card.steps,
        default_steps=card.steps,
        seed=settings.seed,
        versions={**system_versions(card), "loader": loader_version(plan.task)},
        metric_versions={
            **{name: PAIRED[name].version() for name in plan.paired_metrics},
            **{embedder.metric.name: embedder.runner.identity for embedder in embedders},
        },
        former_metric_versions={embedder.metric.name: embedder.runner.former_identity for embedder in embedders},
    )


def _stat(paths: Sequence[Path]) -> str:
    """Sizes and modification times of files, in the form that rows store."""
    stats = [path.stat() for path in paths]
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def _hashes(paths: Sequence[Path]) -> tuple[str, str | None]:
    """SHA-256 of the original and, if there is one, of the recording."""
    original, *recording = map(file_checksum, paths)
    return original, recording[0] if recording else None


def _same_sources(row: Row, paths: Sequence[Path]) -> bool:
    """Whether the files are those of the row, by size and time; a file that was copied or touched, by its content."""
    try:
        return _stat(paths) == row.source_stat or _hashes(paths) == (row.source_sha256, row.recording_sha256)
    except OSError:
        return False


def _session(plan: Plan, settings: Settings) -> Session:
    return Session(
        **origin(PACKAGES, torch_device(settings.device)).model_dump(),
        clips=len(plan.dataset.clips),
        not_measured={name: str(state) for name, state in plan.not_measured.items()},
        jobs=settings.jobs or default_jobs(),
    )
