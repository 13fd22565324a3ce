"""`evaluate`: run systems over a task's clips and score the reconstructions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from m2l_bench.api.results import Results
from m2l_bench.api.task import Task
from m2l_bench.cards import Cards, SystemCard, load_cards
from m2l_bench.engine import EngineChoice
from m2l_bench.errors import UserError
from m2l_bench.metrics.column_sets import ColumnSet, added_metrics
from m2l_bench.progress import Progress, Quiet
from m2l_bench.reconstruction import pipeline
from m2l_bench.reconstruction.plan import Plan, Settings, make_plan
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.objects import object_card
from m2l_bench.tables.published import Beside


class Evaluation(Results):
    """Results that `evaluate` has just measured."""

    plan: Plan
    """What was to be measured, and which systems cannot run here."""
    outcomes: list[pipeline.Outcome]
    """Failed and missing clips of each system, or why it did not run."""
    temporary: tempfile.TemporaryDirectory[str] | None
    """Folder of the runs that is deleted with this object; None where they are kept."""


def evaluate(
    systems: object = "all",
    task: str | Task = "bundled",
    *,
    data: str | PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    reference: str | PathLike[str] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    section_seconds: float | None = None,
    limit: int | None = None,
    shard: str | None = None,
    jobs: int = 0,
    engine: str = "local",
    address: str = "",
    out: str | PathLike[str] | None = None,
    audio: bool | None = None,
    accept_truncated: bool = False,
    beside: Beside = "none",
    columns: ColumnSet = "paper",
    skip_unavailable: bool | None = None,
    weights_dir: str | PathLike[str] | None = None,
    cards: Sequence[str | PathLike[str]] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Run systems over a task's clips, score each reconstruction, and return the results.

    Args:
        systems: one system, a sequence of systems, or a mapping of names to systems. A system is the name of a card,
            a card, a `Codec`, any object with `encode`, `decode` and `sample_rate`, or a function that maps audio
            (channels, samples) to audio of the same rate; `all`: every system that can run here.
        task: name of a task that `m2l-bench tasks` lists, or what `load_task` returned.
        data: folder of the task's audio.
        metrics: names of metrics; default: those of the task's card, and those of `columns`.
        reference: reference of the Fréchet distances, a folder or a file of statistics; default: the originals.
        steps: number of denoising steps; default: that of each card.
        seed: seed of generative decoders.
        device: a torch device, several separated by commas, or `auto`: all GPUs or, without any, the CPU.
        precision: number type of Music2Latent's networks; `auto`: bfloat16 on GPUs that are made for it, else float32.
        section_seconds: length of the sections into which long clips are cut, each a clip of its own; default: clips
            are measured whole, and those of more than half an hour not at all.
        limit: number of clips to use, the first ones; default: all.
        shard: part of these clips to do, such as `2/8`, below `out`; the results are those of this part. The command
            `m2l-bench merge` makes one run of all parts.
        jobs: worker processes for scoring; 0: one per core.
        engine: where the work happens: `local`, or `ray` for a Ray cluster that sees the files of this machine.
        address: address of the Ray cluster, or `auto`; default: RAY_ADDRESS, one that runs here, or a new one.
        out: folder of the runs. What is in it already is not measured again, except for objects in memory, which are
            measured anew. Default: a temporary folder that is deleted with the results.
        audio: whether to keep the reconstructions as FLAC; default: the task decides.
        accept_truncated: measure files that hold less audio than they state.
        beside: whose published figures the formatted table shows beside the measured ones: `paper`, `rerun`,
            `codicodec` or `none`.
        columns: metrics that the table shows; another set than `paper` is also measured.
        skip_unavailable: leave out systems that cannot run here; default: only where `systems` is `all`.
        weights_dir: a folder of weight files to look in first.
        cards: folders of further cards.
        progress: shows the progress; default: nothing is shown.

    Raises:
        UserError: a name does not exist, the data is not there, or no system could be measured.

    Example:
        >>> evaluate(lambda audio: audio / 2, limit=3).table()["si_sdr_db"]
    """
    known = load_cards([Path(folder) for folder in cards])
    card, folder = (
        (task.card, task.data) if isinstance(task, Task) else (known.task(task), Path(data) if data else None)
    )
    names = dict.fromkeys([*(card.metrics if metrics is None else metrics), *added_metrics(columns)])
    card = card.model_copy(update={"metrics": list(names)})
    part = None if shard is None else Shard.parse(shard)
    if part and out is None:
        raise UserError("a shard needs `out`, the folder of the runs")
    temporary = None if out is not None else tempfile.TemporaryDirectory(prefix="m2l-bench-")
    folder_of_runs = Path(temporary.name if temporary else out or "")
    settings = Settings(
        out=part.folder(folder_of_runs) if part else folder_of_runs,
        seed=seed,
        steps=steps,
        device=device,
        jobs=jobs,
        engine=EngineChoice(engine, address),
        section_seconds=section_seconds,
        limit=limit,
        shard=part,
        keep_audio=audio,
        weights_dir=Path(weights_dir) if weights_dir else None,
        reference=Path(reference) if reference else None,
        accept_truncated=accept_truncated,
        precision=precision,
    )
    plan = make_plan(
        card,
        system_cards(systems, known),
        folder,
        settings,
        skip_unavailable=systems == "all" if skip_unavailable is None else skip_unavailable,
        embeddings=known.embeddings,
    )
    progress = progress or Quiet()
    progress.planned(plan)
    if not plan.available:
        raise UserError("none of these systems can run here")
    outcomes = pipeline.reconstruct(plan, settings, progress)
    folders = {outcome.folder for outcome in outcomes if not outcome.problem}
    if not folders:
        raise UserError("; ".join(f"{outcome.system} did not run: {outcome.problem}" for outcome in outcomes))
    name = settings.reference.name if settings.reference else ORIGINALS
    measured = measured_runs(settings.out, plan.dataset.label, folders, name)
    evaluation = Evaluation(measured, name, beside, folder, [Path(card_folder) for card_folder in cards], columns)
    evaluation.plan, evaluation.outcomes, evaluation.temporary = plan, outcomes, temporary
    return evaluation


def system_cards(systems: object, cards: Cards) -> list[SystemCard]:
    """List the card of each system that is named or given as an object.

    Raises:
        UserError: there is no system of a name, an object is no system, or two systems have one name.
    """
    if isinstance(systems, str) and systems == "all":
        return cards.all_systems
    chosen = [_card(system, name, cards) for name, system in as_list(systems)]
    names = [card.name for card in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"two systems have the name '{twice}': give a mapping of names to systems")
    return chosen


def as_list(items: object) -> list[tuple[str, object]]:
    """List one item, a sequence or a mapping as pairs of names and items; the name is empty where none is given."""
    if isinstance(items, Mapping):
        return [(str(name), item) for name, item in items.items()]
    if isinstance(items, Sequence) and not isinstance(items, str):
        return [("", item) for item in items]
    return [("", items)]


def _card(system: object, name: str, cards: Cards) -> SystemCard:
    if isinstance(system, str):
        return cards.system(system)
    return system if isinstance(system, SystemCard) else object_card(system, name)
