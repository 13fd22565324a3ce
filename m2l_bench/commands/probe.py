"""`m2l-bench probe`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, CardsOption, DeviceOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError


class Classifier(str, Enum):
    """What is trained on the features."""

    mlp = "mlp"
    linear = "linear"
    knn = "knn"


def probe(
    task: Annotated[str, typer.Option(help="Name of a probing task's card; `m2l-bench tasks` lists them.")],
    models: Annotated[str, typer.Option(help="Embeddings and codecs separated by commas, or `all`.")] = "all",
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the dataset lies; default: its folder in the cache.")
    ] = None,
    probe: Annotated[Classifier, typer.Option(help="The paper's network, a linear one, or nearest neighbours.")] = (
        Classifier.mlp
    ),
    seeds: Annotated[int | None, typer.Option(min=1, help="How many; default: as the task says.")] = None,
    train_fraction: Annotated[
        str, typer.Option(metavar="F,F,...", help="Parts of the training clips, for learning curves.")
    ] = "1",
    device: DeviceOption = "auto",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.")] = Path("runs"),
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Train small classifiers on models' features, test them, print the table (Table 1 of the paper).

    Interrupt it at any time: the same command goes on where it stopped. Features are kept in the cache.

    Examples:

        m2l-bench data make mini-tinysol && m2l-bench probe --task mini-tinysol-pitch

        m2l-bench probe --task beatport --models music2latent,musicnn,chroma --data beatport_key

        m2l-bench probe --task mini-beatport --models chroma --train-fraction 0.01,0.1,1
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console import probes as probe_summaries
    from m2l_bench.console import reconstruction as summaries
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.probing import pipeline
    from m2l_bench.probing.models import models_to_probe
    from m2l_bench.tables.probes import load_probes, probe_table

    stdout, stderr = consoles()
    found = load_cards(cards or ())
    names = [] if models == "all" else [name.strip() for name in models.split(",") if name.strip()]
    options = pipeline.ProbeOptions(out, probe.value, seeds, _fractions(train_fraction), device, weights_dir)
    chosen = models_to_probe(found, names)
    plan = pipeline.make_probe_plan(found.probe_task(task), chosen, data, options, skip_unavailable=models == "all")
    probe_summaries.print_plan(stderr, plan)
    if not plan.available:
        raise UserError("none of these models can run here")
    outcomes = pipeline.probe(plan, options, ProgressBars(stderr))
    folders = {folder for outcome in outcomes for folder in outcome.folders}
    result = probe_table(load_probes(out, lambda run: run.folder in folders)) if folders else None
    if json:
        print_json(probe_summaries.probe_json(outcomes, plan, result))
    else:
        if result:
            summaries.print_table(stdout, result)
        probe_summaries.print_outcomes(stderr, outcomes, plan, options)
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        fractions = tuple(float(one) for one in text.split(","))
    except ValueError:
        fractions = ()
    if not fractions or not all(0 < one <= 1 for one in fractions) or len(set(fractions)) < len(fractions):
        raise UserError(f"--train-fraction {text}: say different numbers above 0 and up to 1, separated by commas")
    return fractions
