"""The plan of a `reconstruct` command: what it is going to do, known before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from m2l_bench.adapter import Availability
from m2l_bench.cards import EmbeddingCard, SystemCard, TaskCard
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.datasets.loading import load_dataset
from m2l_bench.engine import LOCAL, EngineChoice
from m2l_bench.errors import UserError
from m2l_bench.extras import EXTRAS
from m2l_bench.metrics import PAIRED, SetMetric, set_metric
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.adapters import adapter_availability
from m2l_bench.systems.loading import availability


@dataclass(frozen=True)
class Settings:
    """Settings of a command that the cards do not decide."""

    out: Path = Path("runs")
    seed: int = 0
    steps: int | None = None
    device: str = "auto"
    """A torch device or several, see `torch_devices`."""
    jobs: int = 0
    """Number of worker processes for scoring; 0: one per core."""
    engine: EngineChoice = LOCAL
    """Where the work happens."""
    section_seconds: float | None = None
    """Length of the sections into which clips are cut; None: clips are measured whole."""
    limit: int | None = None
    """Number of clips to use, the first ones; None: all."""
    shard: Shard | None = None
    """The part of these clips to do, without what is measured on the whole set; None: all of the work."""
    keep_audio: bool | None = None
    """Whether to write reconstructions as FLAC; None: the task's card decides."""
    weights_dir: Path | None = None
    """Folder of weights, searched before the caches."""
    reference: Path | None = None
    """Reference of the set metrics, a folder or a file of statistics; None: the originals of the clips."""
    accept_truncated: bool = False
    """Measure what is there of an original that holds less than its header states."""
    precision: str = "auto"
    """Number type of systems that offer a choice, see `in_precision`."""


@dataclass(frozen=True)
class Plan:
    """Systems, clips and metrics of a command, and what is not available."""

    task: TaskCard
    dataset: Dataset
    """With the clips to do."""
    all_clips: tuple[str, ...]
    """Ids of these clips and of those of other shards."""
    available: tuple[SystemCard, ...]
    unavailable: tuple[tuple[SystemCard, Availability], ...]
    paired_metrics: tuple[str, ...]
    set_metrics: tuple[tuple[SetMetric, EmbeddingCard], ...]
    not_measured: dict[str, Availability] = field(default_factory=dict)
    """Metrics of the task that cannot be measured here."""
    notes: tuple[str, ...] = ()


def make_plan(
    task: TaskCard,
    systems: Sequence[SystemCard],
    data: Path | None,
    settings: Settings,
    *,
    skip_unavailable: bool,
    embeddings: Mapping[str, EmbeddingCard],
) -> Plan:
    """Load the dataset and sort systems and metrics into those that can run here and those that cannot.

    Args:
        data: folder of the task's audio.
        skip_unavailable: leave out systems that cannot run here; otherwise they are an error.
        embeddings: cards of the networks that set metrics use.

    Raises:
        UserError: the dataset is not there, there is no metric of a name, or a system is unavailable and
            `skip_unavailable` is false.
    """
    set_metrics, not_measured = _set_metrics(task, embeddings, settings.weights_dir)
    dataset: Dataset = load_dataset(task, data, settings.section_seconds)
    clips: dict[str, Clip] = {}
    notes = list(dataset.notes)
    for clip in dataset.clips:
        if clip.id in clips:
            notes.append(f"two clips have the id {clip.id!r}: only the first is used")
        else:
            clips[clip.id] = clip
    selected = tuple(clips.values())[: settings.limit]
    todo = tuple(settings.shard.part(selected, lambda clip: clip.id)) if settings.shard else selected
    states = [(card, availability(card, settings.weights_dir)) for card in systems]
    unavailable = tuple((card, state) for card, state in states if not state)
    if unavailable and not skip_unavailable:
        card, state = unavailable[0]
        raise UserError(f"{card.name}: {state}")
    if settings.steps is not None:
        fixed = [card.name for card, state in states if state and card.steps is None]
        if fixed:
            notes.append(f"--steps does not apply to {', '.join(fixed)}")
    limited = Dataset(todo, dataset.label, dataset.root, dataset.missing, dataset.notes)
    available = tuple(card for card, state in states if state)
    wanted = [name for name in task.metrics if name in PAIRED]
    without_package = {name: state for name in wanted if not (state := _package_of(name))}
    paired = tuple(name for name in wanted if name not in without_package)
    not_measured |= without_package
    return Plan(
        task,
        limited,
        tuple(clip.id for clip in selected),
        available,
        unavailable,
        paired,
        set_metrics,
        not_measured,
        tuple(notes),
    )


def _package_of(name: str) -> Availability:
    """Tell whether the package that a paired metric is computed with is installed."""
    package = PAIRED[name].package
    if not package or find_spec(package) is not None:
        return Availability()
    return Availability(f"the package {package} is not installed", f"pip install 'm2l-bench[{EXTRAS[package]}]'")


def _set_metrics(
    task: TaskCard, embeddings: Mapping[str, EmbeddingCard], weights_dir: Path | None
) -> tuple[tuple[tuple[SetMetric, EmbeddingCard], ...], dict[str, Availability]]:
    """Find the task's set metrics that can be measured here, with their embeddings, and those that cannot."""
    measured, not_measured = [], {}
    for name in task.metrics:
        if name in PAIRED:
            continue
        metric = set_metric(name)
        if metric is None or metric.embedding not in embeddings:
            names = [*PAIRED, "fad", *(f"fad_{embedding}" for embedding in embeddings)]
            raise UserError(f"{task.path}: no metric '{name}'; there are {', '.join(names)}")
        card = embeddings[metric.embedding]
        state = adapter_availability(card, weights_dir)
        if state:
            measured.append((metric, card))
        else:
            not_measured[name] = state
    return tuple(measured), not_measured
