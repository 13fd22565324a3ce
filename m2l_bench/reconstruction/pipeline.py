"""Reconstruction pipeline: run systems over a dataset, score each clip, and write one run per system to disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.boundary import is_out_of_memory, reason_of
from m2l_bench.cards import SystemCard
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.datasets.loading import loader_version
from m2l_bench.digests import digest
from m2l_bench.distances.references import load_references
from m2l_bench.engine import Engine, default_jobs, drain
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.metrics import PAIRED
from m2l_bench.progress import Progress, Quiet
from m2l_bench.reconstruction.plan import Plan, Settings
from m2l_bench.reconstruction.scoring import lost_in_scoring, score_safely
from m2l_bench.reconstruction.set_metrics import Embedder, measure_distances
from m2l_bench.reconstruction.work import Item, Result, Work, Workplace, hashes, lost, stats
from m2l_bench.runs.code_counts import write_code_counts
from m2l_bench.runs.provenance import now, origin
from m2l_bench.runs.reconstruction import Run, RunKey, is_complete, open_run
from m2l_bench.runs.schema import Row, Session
from m2l_bench.runs.shards import ShardRecord, record_path, recorded
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.systems.loading import load_system, system_versions
from m2l_bench.systems.objects import runs_here_only
from m2l_bench.systems.precision import in_precision
from m2l_bench.weights.locate import cache_folder

PACKAGES = ("m2l-bench", "torch", "numpy", "scipy", "soundfile", "soxr", "visqol-python")
"""Packages whose versions a manifest records."""
MEMORY_ADVICE = "use --precision bfloat16 or --device cpu"
"""What to do when a system does not fit into memory."""


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
    means: dict[str, float] = field(default_factory=dict)
    """Mean of each paired metric over the clips that have a value."""


def reconstruct(plan: Plan, settings: Settings, progress: Progress | None = None) -> list[Outcome]:
    """Carry out a plan, system by system. Clips that are finished on disk are not done again.

    Raises:
        UserError: weights are damaged, the reference is unusable, or a file cannot be written; finished clips are safe.
    """
    progress = progress or Quiet()
    engine = settings.engine.start(settings.device, settings.jobs)
    embedders = [
        Embedder(metric, load_embedding(card, device=engine.device, weights_dir=settings.weights_dir))
        for metric, card in plan.set_metrics
    ]
    runners = {embedder.metric.embedding: embedder.runner for embedder in embedders}
    references = None
    if settings.shard is None:
        references = load_references(settings.reference, runners, cache_folder(), progress)
    outcomes = []
    for card in plan.available:
        outcomes.append(_run_system(plan, card, settings, engine, embedders, progress))
        progress.measured(outcomes[-1])
    if references is not None:
        folders = [outcome.folder for outcome in outcomes if not outcome.problem]
        jobs = settings.jobs or default_jobs()
        measure_distances(folders, [embedder.stored for embedder in embedders], references, jobs, progress)
    return outcomes


def _run_system(
    plan: Plan,
    card: SystemCard,
    settings: Settings,
    engine: Engine,
    embedders: Sequence[Embedder],
    progress: Progress,
) -> Outcome:
    here = engine.here or runs_here_only(card)
    places = [engine.device] if here else engine.devices
    card_in_float32, card = card, in_precision(card, engine.precision(settings.precision), places)
    precision = "" if card is card_in_float32 else card.options["dtype"]
    key = _key(plan, card, settings, embedders, precision)
    clips = {clip.id: clip for clip in plan.dataset.clips}
    try:
        # Other processes load the system by themselves: here it is only asked what it is.
        system = load_system(
            card,
            steps=key.steps,
            seed=settings.seed,
            device=engine.device if here else "cpu",
            weights_dir=settings.weights_dir,
        )
    except Exception as error:
        reason = reason_of(error) + (f": {MEMORY_ADVICE}" if is_out_of_memory(error) else "")
        return Outcome(card.name, settings.out / key.dataset / key.folder, problem=reason)
    if isinstance(system, CodecRunner):
        key = replace(key, weights_sha256=system.weights_sha256)
    sources = {id: [clip.path] for id, clip in clips.items()}
    if isinstance(system, Reconstructor):
        for id, paths in sources.items():
            paths += system.sources(id)

    def unchanged(row: Row) -> bool:
        return row.id not in sources or _same_sources(row, sources[row.id])

    with open_run(settings.out, key, card, unchanged) as run, _shard_recorded(run, key, plan, settings):
        run.match(clips, unchanged, whole=settings.limit is None)
        todo = [clip for clip in clips.values() if not _is_done(run, clip.id, plan, embedders)]
        outcome = Outcome(
            card.name, run.folder, started_because=run.started_because, already_done=len(clips) - len(todo)
        )
        if todo:
            run.add_session(_session(plan, settings, engine))
            items = [Item(clip, tuple(sources[clip.id])) for clip in todo]
            if here:
                results = Work(system, embedders, run.folder, settings.accept_truncated)(items)
            else:
                del system
                results = _on_devices(items, plan, card, key, settings, engine, run.folder)
            with progress.start(card.name, len(clips), outcome.already_done) as advance:
                for row in _measured(run, results, plan, settings, engine, embedders):
                    run.append(row)
                    advance()
            run.finish_session(now())
        for id in clips:
            row = run.rows[id]
            if row.measured:
                outcome.measured += 1
            else:
                (outcome.missing if row.status == "missing" else outcome.failed)[id] = row.reason or ""
        for name in plan.paired_metrics:
            values = [value for id in clips if (value := run.rows[id].value(name)) is not None]
            if values:
                outcome.means[name] = sum(values) / len(values)
    return outcome


def _shard_recorded(run: Run, key: RunKey, plan: Plan, settings: Settings) -> AbstractContextManager[None]:
    """Record what is done for a shard, for `merge`; nothing if this is no shard."""
    if settings.shard is None:
        return nullcontext()
    clips = [clip.id for clip in plan.dataset.clips]
    record = ShardRecord(
        run=run.folder.name,
        clips=clips,
        all_clips=digest(sorted(plan.all_clips)),
        limited=settings.limit is not None,
    )
    return recorded(record_path(run.folder.parent, key.folder), record)


def _on_devices(
    items: Sequence[Item],
    plan: Plan,
    card: SystemCard,
    key: RunKey,
    settings: Settings,
    engine: Engine,
    run: Path,
) -> Iterator[Result]:
    """Reconstruct and embed in the processes that load systems."""
    workplace = Workplace(
        card, key.steps, settings.seed, settings.weights_dir, plan.set_metrics, run, settings.accept_truncated
    )
    most = 2 * card.gpu_batch_size if any(map(is_gpu, engine.devices)) else 1
    return engine.map_on_devices(workplace.load, items, engine.group(len(items), most), lost)


def _is_done(run: Run, clip_id: str, plan: Plan, embedders: Sequence[Embedder]) -> bool:
    row = run.rows.get(clip_id)
    if row is None or not is_complete(row, plan.paired_metrics):
        return False
    return all(embedder.is_done(run.folder, row) for embedder in embedders)


def _measured(
    run: Run,
    results: Iterable[Result],
    plan: Plan,
    settings: Settings,
    engine: Engine,
    embedders: Sequence[Embedder],
) -> Iterator[Row]:
    """Score in workers what is reconstructed and embedded on devices; yields finished rows."""
    keep_audio = plan.task.keep_audio if settings.keep_audio is None else settings.keep_audio
    unusable: list[Row] = []

    def tasks() -> Iterator[tuple[Row, Audio, Audio, int, Sequence[str]]]:
        for result in results:
            row = result.row
            if not row.measured:
                unusable.append(row)
                continue
            for embedder in embedders:
                embedder.write(run.folder, row, result.vectors[embedder.metric.name])
            if result.code_counts is not None:
                write_code_counts(run.folder, row.id, result.code_counts)
            if keep_audio:
                _keep_audio(run, row, result.reconstruction, result.sample_rate)
            run.keep_values(row)
            missing = [name for name in plan.paired_metrics if not is_complete(row, (name,))]
            yield row, result.original, result.reconstruction, result.sample_rate, missing

    for row in engine.map(score_safely, tasks(), lost_in_scoring):
        yield from drain(unusable)
        yield row
    yield from drain(unusable)


def _keep_audio(run: Run, row: Row, reconstruction: Audio, rate: int) -> None:
    """Write a reconstruction beside the rows; where that is not possible, the row says why."""
    try:
        content, suffix = audio_files.encode(reconstruction, rate)
    except Exception as error:
        row.notes["audio"] = reason_of(error)
    else:
        row.audio = run.save_audio(row.id, content, suffix)


def _key(plan: Plan, card: SystemCard, settings: Settings, embedders: Sequence[Embedder], precision: str) -> RunKey:
    return RunKey(
        dataset=plan.dataset.label,
        root=plan.dataset.root,
        task_digest=plan.task.data_digest,
        system=card.name,
        card_digest=card.digest,
        steps=None if card.steps is None else settings.steps or card.steps,
        default_steps=card.steps,
        precision=precision,
        seed=settings.seed,
        section_seconds=settings.section_seconds,
        versions={**system_versions(card), "loader": loader_version(plan.task)},
        metric_versions={
            **{name: PAIRED[name].version() for name in plan.paired_metrics},
            **{embedder.metric.name: embedder.runner.identity for embedder in embedders},
        },
        former_metric_versions={embedder.metric.name: embedder.runner.former_identity for embedder in embedders},
    )


def _same_sources(row: Row, paths: Sequence[Path]) -> bool:
    """Whether the files are those of the row, by size and time; a file that was copied or touched, by its content."""
    try:
        return stats(paths) == row.source_stat or hashes(paths) == (row.source_sha256, row.recording_sha256)
    except OSError:
        return False


def _session(plan: Plan, settings: Settings, engine: Engine) -> Session:
    return Session(
        **origin(PACKAGES, engine.device).model_copy(update={"device": ",".join(engine.devices)}).model_dump(),
        clips=len(plan.all_clips),
        not_measured={name: str(state) for name, state in plan.not_measured.items()},
        jobs=engine.jobs,
        engine=engine.name,
        shard=str(settings.shard or ""),
    )
