"""What a `reconstruct` command is going to do, known before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2l_bench.adapter import Availability
from m2l_bench.cards import EmbeddingCard, SystemCard, TaskCard
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.datasets.loading import load_dataset
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, SetMetric, set_metric
from m2l_bench.systems.adapters import adapter_availability
from m2l_bench.systems.loading import availability


@dataclass(frozen=True)
class Settings:
    """What a command may choose beyond the cards."""

    out: Path = Path("runs")
    seed: int = 0
    steps: int | None = None
    device: str = "auto"
    jobs: int = 0
    """Worker processes for scoring; 0: one a core."""
    limit: int | None = None
    keep_audio: bool | None = None
    """Write reconstructions as FLAC; None: as the task's card says."""
    weights_dir: Path | None = None
    """Where files of weights lie, looked into before the caches."""
    reference: Path | None = None
    """What metrics of sets hold systems against, a folder or a file of statistics; None: the originals of the clips."""


@dataclass(frozen=True)
class Plan:
    """Systems, clips and metrics of a command, and what cannot be had."""

    task: TaskCard
    dataset: Dataset
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
        embeddings: cards of the networks that metrics of sets name.

    Raises:
        UserError: the dataset is not there, a metric has no such name, or, unless `skip_unavailable`, a system is
        unavailable.
    """
    set_metrics, not_measured = _set_metrics(task, embeddings, settings.weights_dir)
    dataset: Dataset = load_dataset(task, data)
    clips: dict[str, Clip] = {}
    notes = list(dataset.notes)
    for clip in dataset.clips:
        if clip.id in clips:
            notes.append(f"the id {clip.id!r} is there twice: only its first clip is used")
        else:
            clips[clip.id] = clip
    selected = tuple(clips.values())[: settings.limit]
    states = [(card, availability(card, settings.weights_dir)) for card in systems]
    unavailable = tuple((card, state) for card, state in states if not state)
    if unavailable and not skip_unavailable:
        card, state = unavailable[0]
        raise UserError(f"{card.name}: {state}")
    if settings.steps is not None:
        fixed = [card.name for card, state in states if state and card.steps is None]
        if fixed:
            notes.append(f"--steps does not apply to {', '.join(fixed)}")
    chosen = Dataset(selected, dataset.label, dataset.root, dataset.missing, dataset.notes)
    available = tuple(card for card, state in states if state)
    paired = tuple(name for name in task.metrics if name in PAIRED)
    return Plan(task, chosen, available, unavailable, paired, set_metrics, not_measured, tuple(notes))


def _set_metrics(
    task: TaskCard, embeddings: Mapping[str, EmbeddingCard], weights_dir: Path | None
) -> tuple[tuple[tuple[SetMetric, EmbeddingCard], ...], dict[str, Availability]]:
    """The task's metrics of sets that can be measured here, and those that cannot."""
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
