"""`probe`: train small classifiers on the features of models, and test them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from m2l_bench.api.evaluate import as_list
from m2l_bench.api.formatted import FormattedTable
from m2l_bench.cards import Cards, EmbeddingCard, SystemCard, load_cards
from m2l_bench.engine import EngineChoice
from m2l_bench.errors import UserError
from m2l_bench.probing import pipeline
from m2l_bench.probing.models import Model, models_to_probe
from m2l_bench.probing.pipeline import Classifier
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.objects import ObjectCard, object_card
from m2l_bench.tables.probes import Probes, differences, load_probes, probe_table


class ProbeScores(FormattedTable):
    """Scores of probed models. In a notebook it shows its table.

    Args:
        probes: the runs.
        plan: what was to be probed, and which models cannot run here.
        outcomes: failed clips of each model, or why it was not probed.
        temporary: folder of runs that are not kept, which is deleted with this object.
    """

    def __init__(
        self,
        probes: Probes,
        plan: pipeline.ProbePlan,
        outcomes: list[pipeline.ProbeOutcome],
        temporary: tempfile.TemporaryDirectory[str],
    ) -> None:
        super().__init__(probe_table(probes))
        self.probes = probes
        self.plan = plan
        self.outcomes = outcomes
        self.temporary = temporary

    def __repr__(self) -> str:
        return f"ProbeScores({', '.join(self.probes.tasks)}: {', '.join(label for _, label in self.probes.runs)})"

    def table(self) -> pd.DataFrame:
        """One row per model, indexed by its name: each metric in percent, with its 95 % interval over test clips."""
        data = self.formatted.data
        labels = {label for _, label in self.probes.runs}
        return data[data["system"].isin(labels)].set_index("system").dropna(axis="columns", how="all")

    def significance(self) -> pd.DataFrame:
        """Compare each pair of models on the test clips, one row per task, metric and pair, in percent."""
        return differences(self.probes)


def probe(
    models: object,
    task: str,
    *,
    data: str | PathLike[str] | None = None,
    classifier: Classifier = "mlp",
    seeds: int | None = None,
    train_fractions: Sequence[float] = (1.0,),
    device: str = "auto",
    precision: str = "auto",
    engine: str = "local",
    address: str = "",
    out: str | PathLike[str] | None = None,
    weights_dir: str | PathLike[str] | None = None,
    cards: Sequence[str | PathLike[str]] = (),
    progress: Progress | None = None,
) -> ProbeScores:
    """Train small classifiers on the features of models, as in Section 5.5 of the paper, and test them.

    Args:
        models: one model, a sequence of models, or a mapping of names to models. A model is the name or the card of an
            embedding or a codec, or a codec with the method `features`; `all`: every model that can run here.
        task: name of a probing task that `m2l-bench tasks` lists.
        data: folder of the dataset; default: its folder in the cache.
        classifier: `mlp` (the paper's), `linear` or `knn`.
        seeds: number of seeds; default: the task's.
        train_fractions: fractions of the training clips, above 0 and up to 1.
        device: a torch device, several separated by commas, or `auto`: all GPUs or, without any, the CPU.
        precision: number type of Music2Latent's networks; `auto`: bfloat16 on GPUs that are made for it, else float32.
        engine: where features are computed: `local`, or `ray` for a Ray cluster that sees the files of this machine.
        address: address of the Ray cluster, or `auto`; default: RAY_ADDRESS, one that runs here, or a new one.
        out: folder of the runs; what is in it already is not measured again. Default: a temporary folder.
        weights_dir: a folder of weight files to look in first.
        cards: folders of further cards.
        progress: shows the progress; default: nothing is shown.

    Raises:
        UserError: a name does not exist, the data is not there, or no model could be probed.

    Example:
        >>> probe("musicnn", "mini-tinysol-pitch").table()
    """
    known = load_cards([Path(folder) for folder in cards])
    chosen = _models(models, known)
    has_objects = any(isinstance(model.card, ObjectCard) for model in chosen)
    progress = progress or Quiet()
    temporary = tempfile.TemporaryDirectory(prefix="m2l-bench-")
    options = pipeline.ProbeOptions(
        out=Path(out or temporary.name),
        classifier=classifier,
        seeds=seeds,
        fractions=tuple(train_fractions),
        device=device,
        weights_dir=Path(weights_dir) if weights_dir else None,
        cache=Path(temporary.name) / "cache" if has_objects else None,
        precision=precision,
        engine=EngineChoice(engine, address),
    )
    plan = pipeline.make_probe_plan(
        known.probe_task(task), chosen, Path(data) if data else None, options, skip_unavailable=models == "all"
    )
    progress.planned(plan)
    if not plan.available:
        raise UserError("none of these models can run here")
    outcomes = pipeline.probe(plan, options, progress)
    folders = {folder for outcome in outcomes for folder in outcome.folders}
    if not folders:
        raise UserError("; ".join(f"{outcome.model} was not probed: {outcome.problem}" for outcome in outcomes))
    return ProbeScores(load_probes(options.out, lambda run: run.folder in folders), plan, outcomes, temporary)


def compute_features(
    models: object,
    task: str,
    shard: str,
    *,
    data: str | PathLike[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    engine: str = "local",
    address: str = "",
    weights_dir: str | PathLike[str] | None = None,
    cards: Sequence[str | PathLike[str]] = (),
    progress: Progress | None = None,
) -> tuple[pipeline.ProbePlan, list[pipeline.ProbeOutcome]]:
    """Compute the features of a part of a task's clips and keep them in the cache, where `probe` finds them.

    Args:
        shard: the part, such as `2/8`.
        models, task, data, device, precision, engine, address, weights_dir, cards, progress: as in `probe`.

    Returns:
        what was to be done, and which clips of each model failed.

    Raises:
        UserError: a name does not exist, or the data is not there.
    """
    part = Shard.parse(shard)
    known = load_cards([Path(folder) for folder in cards])
    options = pipeline.ProbeOptions(
        device=device,
        weights_dir=Path(weights_dir) if weights_dir else None,
        precision=precision,
        engine=EngineChoice(engine, address),
    )
    plan = pipeline.make_probe_plan(
        known.probe_task(task),
        _models(models, known),
        Path(data) if data else None,
        options,
        skip_unavailable=models == "all",
    )
    progress = progress or Quiet()
    progress.planned(plan)
    if not plan.available:
        raise UserError("none of these models can run here")
    return plan, pipeline.compute_features(plan, options, part, progress)


def _models(models: object, known: Cards) -> list[Model]:
    """List the models that are named or given as objects.

    Raises:
        UserError: there is no model of a name, or one is named twice.
    """
    chosen: list[Model] = []
    for name, model in as_list(models):
        if isinstance(model, str):
            chosen += models_to_probe(known, [] if model == "all" else [model])
        elif isinstance(model, SystemCard | EmbeddingCard):
            chosen.append(Model(model))
        else:
            chosen.append(Model(object_card(model, name)))
    names = [model.name for model in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"the model '{twice}' is named twice")
    return chosen
