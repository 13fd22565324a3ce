"""Probing pipeline: compute features of a labelled dataset, train a classifier, and write one run per model to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from m2l_bench.adapter import Availability
from m2l_bench.cards import ProbeTaskCard
from m2l_bench.datasets.base import Clip
from m2l_bench.datasets.labelled import SPLITS, LabelledClip, LabelledDataset, Split, empty_classes
from m2l_bench.datasets.loading import load_dataset, loader_version
from m2l_bench.digests import digest
from m2l_bench.engine import LOCAL, Engine, EngineChoice
from m2l_bench.errors import UserError
from m2l_bench.metrics.classification import METRICS, Scores, Truth, accuracy, roc_auc
from m2l_bench.metrics.probe_scores import RESAMPLES, RESAMPLING_SEED, mean_confusion, measure
from m2l_bench.probing.features import ClipVector, ClipVectors, Features, compute, content_hashes, extract, lost
from m2l_bench.probing.groups import group_scores
from m2l_bench.probing.models import Model
from m2l_bench.probing.neighbours import neighbour_scores
from m2l_bench.probing.targets import Part, encode, subset
from m2l_bench.probing.training import fit
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.probe import folder_name, open_probe
from m2l_bench.runs.provenance import origin
from m2l_bench.runs.schema import MetricResult, ProbeItem, ProbeItems, ProbeKey, ProbeResults, SeedHistory
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.systems.objects import runs_here_only
from m2l_bench.weights.locate import cache_folder

VERSION = "1"
"""Version of the probe; raise it when the same features give other numbers than before."""
PACKAGES = ("m2l-bench", "torch", "numpy", "scikit-learn", "mir_eval", "librosa", "soundfile", "soxr")
"""Packages whose versions a manifest records."""
GROUP = 64
"""Clips that the process of a device gets at once."""

Classifier = Literal["mlp", "linear", "knn"]


@dataclass(frozen=True)
class ProbeOptions:
    """Settings of a command that the cards do not decide."""

    out: Path = Path("runs")
    classifier: Classifier = "mlp"
    seeds: int | None = None
    """Number of seeds; None: the task's card decides."""
    fractions: tuple[float, ...] = (1.0,)
    """Fractions of the training clips, above 0 and up to 1."""
    device: str = "auto"
    engine: EngineChoice = LOCAL
    """Where features are computed."""
    weights_dir: Path | None = None
    cache: Path | None = None
    """Folder where features are cached; None: the usual one."""
    precision: str = "auto"
    """Number type of models that offer a choice, see `in_precision`."""


@dataclass(frozen=True)
class ProbePlan:
    """The dataset and the models of a command, and the models that are not available."""

    task: ProbeTaskCard
    dataset: LabelledDataset
    available: tuple[Model, ...]
    unavailable: tuple[tuple[Model, Availability], ...]


@dataclass
class ProbeOutcome:
    """Result of one model."""

    model: str
    folders: list[Path] = field(default_factory=list)
    """Folders of the runs, one per fraction of the training set."""
    failed: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    """Reason why the model could not be probed at all; empty if it could."""


def make_probe_plan(
    task: ProbeTaskCard, models: list[Model], data: Path | None, options: ProbeOptions, *, skip_unavailable: bool
) -> ProbePlan:
    """Load the dataset and sort models into those that can run here and those that cannot.

    Args:
        data: folder of the dataset; None: its folder in the cache.
        skip_unavailable: leave out models that cannot run here; otherwise they are an error.

    Raises:
        UserError: the dataset is not there or cannot be split, there is no metric of a name or it does not fit the
            labels, or a model is unavailable and `skip_unavailable` is false.
    """
    dataset: LabelledDataset = load_dataset(task, data)
    fitting = [name for name, metric in METRICS.items() if metric.multilabel == dataset.multilabel]
    for name in (*task.metrics, *task.table1):
        if name not in fitting:
            raise UserError(f"{task.path}: no metric '{name}' of such labels; there are {', '.join(fitting)}")
    states = [(model, model.availability(options.weights_dir)) for model in models]
    unavailable = tuple((model, state) for model, state in states if not state)
    if unavailable and not skip_unavailable:
        model, state = unavailable[0]
        raise UserError(f"{model.name}: {state}")
    return ProbePlan(task, dataset, tuple(model for model, state in states if state), unavailable)


def probe(plan: ProbePlan, options: ProbeOptions, progress: Progress | None = None) -> list[ProbeOutcome]:
    """Carry out a plan, model by model. What is finished on disk is not done again.

    Raises:
        UserError: a file cannot be written; finished clips and models are safe.
    """
    progress = progress or Quiet()
    engine = options.engine.start(options.device)
    hashes = content_hashes(plan.dataset.clips, progress)
    return [_probe_model(plan, model, hashes, options, engine, progress) for model in plan.available]


def compute_features(
    plan: ProbePlan, options: ProbeOptions, shard: Shard, progress: Progress | None = None
) -> list[ProbeOutcome]:
    """Compute the features of a part of the clips, model by model, and train nothing: `probe` finds them in the cache.

    Raises:
        UserError: a file cannot be written; finished clips are safe.
    """
    progress = progress or Quiet()
    part = shard.part(plan.dataset.clips, lambda clip: clip.id)
    engine = options.engine.start(options.device)
    hashes = content_hashes(part, progress)
    outcomes = []
    for model in plan.available:
        outcome = ProbeOutcome(model.name)
        try:
            _, runner, vectors = _load(model, options, engine)
            cache = options.cache or cache_folder()
            outcome.failed = compute(model.name, runner, part, hashes, cache, progress, vectors)
        except UserError as error:
            outcome.problem = str(error)
        outcomes.append(outcome)
    return outcomes


def _load(
    model: Model, options: ProbeOptions, engine: Engine
) -> tuple[Model, EmbeddingRunner, Callable[[Sequence[Clip]], Iterator[ClipVector]] | None]:
    """Load a model.

    Returns:
        the model in the precision of the options, its runner, and what computes vectors in other processes, if it is
        they that load systems.
    """
    if engine.here or runs_here_only(model.card):
        model = model.in_precision(options.precision, [engine.device])
        return model, model.load(engine.device, options.weights_dir), None
    model = model.in_precision(engine.precision(options.precision), engine.devices)
    # Other processes load the model by themselves: here it is only asked what it is.
    return model, model.load("cpu", options.weights_dir), partial(_on_devices, model, options, engine)


def _probe_model(
    plan: ProbePlan,
    model: Model,
    hashes: Mapping[str, str],
    options: ProbeOptions,
    engine: Engine,
    progress: Progress,
) -> ProbeOutcome:
    outcome = ProbeOutcome(model.name)
    try:
        model, runner, vectors = _load(model, options, engine)
        cache = options.cache or cache_folder()
        features = extract(model.name, runner, plan.dataset.clips, hashes, cache, progress, vectors)
        outcome.failed = features.failed
        for fraction in options.fractions:
            key = _key(plan, model, runner, features, hashes, options, fraction)
            name = folder_name(key, plan.task.probe.seeds)
            provenance = origin(PACKAGES, engine.device).model_copy(update={"device": ",".join(engine.devices)})
            with open_probe(options.out, key, name, plan.task, model.card, provenance, runner.former_identity) as run:
                if not run.finished:
                    run.write(*_measure(plan, model, features, key, engine.device, progress))
                outcome.folders.append(run.folder)
    except UserError as error:
        outcome.problem = str(error)
    return outcome


def _on_devices(model: Model, options: ProbeOptions, engine: Engine, clips: Sequence[Clip]) -> Iterator[ClipVector]:
    """Compute vectors in the processes that load systems."""
    load = partial(_load_vectors, model, options.weights_dir)
    return engine.map_on_devices(load, clips, engine.group(len(clips), GROUP), lost)


def _load_vectors(model: Model, weights_dir: Path | None, device: str) -> ClipVectors:
    return ClipVectors(model.load(device, weights_dir))


def _measure(
    plan: ProbePlan, model: Model, features: Features, key: ProbeKey, device: str, progress: Progress
) -> tuple[ProbeItems, Scores, ProbeResults]:
    """Train and test, and return what the run stores: items, scores, results."""
    data = plan.dataset
    parts, clips = _parts(data, features)
    train, validation, test = parts["train"], parts["validation"], parts["test"]
    positions = subset(train.labels, key.fraction)
    train = Part(train.features, train.rows[positions], train.labels[positions], train.classes)
    truths = {split: Truth(data.classes, part.labels) for split, part in parts.items()}
    settings = key.settings
    histories: list[SeedHistory] = []
    if key.classifier == "knn":
        scores = neighbour_scores(train, test, settings.neighbours)
    else:
        validation_metric = roc_auc if data.multilabel else accuracy
        with progress.start(f"{model.name}: training", settings.epochs, 0) as advance:
            fitted = fit(
                train,
                validation,
                settings,
                list(range(key.seeds)),
                lambda predictions: validation_metric(truths["validation"], predictions),
                device=device,
                on_epoch=advance,
            )
        scores = fitted.scores(test)
        histories = [history.stored for history in fitted.histories]
    truth = truths["test"]
    test_items = [ProbeItem(id=clip.id, labels=list(clip.labels)) for clip in clips["test"]]
    if data.test_by_group:
        scores, first = group_scores(scores, [clip.group for clip in clips["test"]])
        truth = Truth(data.classes, test.labels[first])
        test_items = [ProbeItem(id=clips["test"][i].group, labels=list(clips["test"][i].labels)) for i in first]
    items = ProbeItems(classes=list(data.classes), multilabel=data.multilabel, items=test_items)
    gaps = empty_classes([clip for split_clips in clips.values() for clip in split_clips], data.classes)
    results = ProbeResults(
        metrics={name: _result(name, truth, scores) for name in plan.task.metrics},
        resamples=RESAMPLES,
        resampling_seed=RESAMPLING_SEED,
        clips={"train": len(train), "validation": len(validation), "test": len(test)},
        dim=int(train.features.shape[1]),
        failed=features.failed,
        notes=[f"no clip of '{label}' in the {split} split" for label, split in gaps],
        classes=list(data.classes),
        confusion=None if data.multilabel else mean_confusion(truth, scores),
        histories=histories,
    )
    return items, scores, results


def _result(name: str, truth: Truth, scores: Scores) -> MetricResult:
    return MetricResult.model_validate(asdict(measure(name, truth, scores)))


def _parts(data: LabelledDataset, features: Features) -> tuple[dict[Split, Part], dict[Split, list[LabelledClip]]]:
    """Make the part of each split, rows of the feature matrix with labels, and list the clips of each split.

    Raises:
        UserError: a split is empty, or its labels cannot be scored.
    """
    row = {id: i for i, id in enumerate(features.ids)}
    matrix = features.matrix
    parts: dict[Split, Part] = {}
    clips: dict[Split, list[LabelledClip]] = {}
    for split in SPLITS:
        clips[split] = [clip for clip in data.clips if clip.split == split and clip.id in row]
        if not clips[split]:
            raise UserError(f"no clip of the {split} split has features: `m2l-bench data check` says what is wrong")
        labels = encode(clips[split], data.classes, data.multilabel)
        parts[split] = Part(matrix, np.array([row[clip.id] for clip in clips[split]]), labels, len(data.classes))
        if data.multilabel and split != "train" and not Truth(data.classes, labels).decided.any():
            raise UserError(f"in the {split} split no tag holds for some clips and not for others: it cannot be scored")
    return parts, clips


def _key(
    plan: ProbePlan,
    model: Model,
    runner: EmbeddingRunner,
    features: Features,
    hashes: Mapping[str, str],
    options: ProbeOptions,
    fraction: float,
) -> ProbeKey:
    settings = plan.task.probe
    if options.classifier == "linear":
        settings = settings.model_copy(update={"hidden": []})
    seeds = options.seeds or settings.seeds
    data = plan.dataset
    listed = [[clip.id, hashes.get(clip.id, ""), clip.labels, clip.split] for clip in data.clips]
    groups = [[clip.group for clip in data.clips]] if data.test_by_group else []
    task = [plan.task.dataset, plan.task.options, plan.task.metrics]
    return ProbeKey(
        task=plan.task.name,
        task_digest=digest(task),
        model=model.name,
        model_identity=runner.identity,
        classifier=options.classifier,
        settings=settings,
        seeds=1 if options.classifier == "knn" else seeds,
        fraction=fraction,
        dataset=digest([data.classes, listed, *groups]),
        clips=digest(features.ids),
        versions={
            "probe": VERSION,
            "loader": loader_version(plan.task),
            "scikit-learn": version("scikit-learn"),
            "mir_eval": version("mir_eval"),
        },
    )
