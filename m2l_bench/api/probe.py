"""`probe`: train small classifiers on the features of models, and test them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from m2l_bench.api.evaluate import as_list
from m2l_bench.api.formatted import FormattedTable
from m2l_bench.cards import EmbeddingCard, SystemCard, load_cards
from m2l_bench.errors import UserError
from m2l_bench.probing import pipeline
from m2l_bench.probing.models import Model, models_to_probe
from m2l_bench.probing.pipeline import Classifier
from m2l_bench.progress import Progress
from m2l_bench.systems.objects import object_card
from m2l_bench.tables.probes import Probes, differences, load_probes, probe_table


class ProbeScores(FormattedTable):
    """Scores of probed models. In a notebook it shows its table.

    Args:
        probes: the runs.
        problems: reason for each model that could not be probed.
    """

    def __init__(self, probes: Probes, problems: Mapping[str, str]) -> None:
        super().__init__(probe_table(probes))
        self.probes = probes
        self.problems = dict(problems)

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
        device: a torch device, or `auto`: a GPU if there is one.
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
    chosen: list[Model] = []
    for name, model in [("", "all")] if models == "all" else as_list(models):
        if isinstance(model, str):
            chosen += models_to_probe(known, [] if model == "all" else [model])
        else:
            chosen.append(Model(model if isinstance(model, SystemCard | EmbeddingCard) else object_card(model, name)))
    with tempfile.TemporaryDirectory(prefix="m2l-bench-") as temporary:
        has_objects = any(not isinstance(model, str) for _, model in as_list(models))
        options = pipeline.ProbeOptions(
            Path(out or temporary),
            classifier,
            seeds,
            tuple(train_fractions),
            device,
            Path(weights_dir) if weights_dir else None,
            Path(temporary) / "cache" if has_objects else None,
        )
        plan = pipeline.make_probe_plan(
            known.probe_task(task), chosen, Path(data) if data else None, options, skip_unavailable=models == "all"
        )
        outcomes = pipeline.probe(plan, options, progress)
        folders = {folder for outcome in outcomes for folder in outcome.folders}
        problems = {outcome.model: outcome.problem for outcome in outcomes if outcome.problem}
        if not folders:
            reasons = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
            raise UserError(reasons or "none of these models can run here")
        return ProbeScores(load_probes(options.out, lambda run: run.folder in folders), problems)
