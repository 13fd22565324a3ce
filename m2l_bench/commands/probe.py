"""`m2l-bench probe`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    AddressOption,
    CardsOption,
    DevicesOption,
    EngineName,
    EngineOption,
    JsonOption,
    Precision,
    PrecisionOption,
    ShardOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError
from m2l_bench.extras import require
from m2l_bench.text import split_names

if TYPE_CHECKING:
    from m2l_bench.probing.pipeline import ProbeOutcome


class Classifier(str, Enum):
    """Classifiers that can be trained on the features."""

    mlp = "mlp"
    linear = "linear"
    knn = "knn"


def probe(
    task: Annotated[str, typer.Option(metavar="NAME", help="Name of a probing task; `m2l-bench tasks` lists them.")],
    models: Annotated[str, typer.Option(help="Embeddings and codecs, separated by commas, or `all`.")] = "all",
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the dataset; default: its folder in the cache.")
    ] = None,
    probe: Annotated[
        Classifier, typer.Option(help="The paper's network, a linear classifier, or nearest neighbours.")
    ] = (Classifier.mlp),
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Number of seeds; default: the task's.")] = None,
    train_fraction: Annotated[
        str, typer.Option(metavar="F,F,...", help="Fractions of the training clips, for learning curves.")
    ] = "1",
    device: DevicesOption = "auto",
    precision: PrecisionOption = Precision.auto,
    shard: ShardOption = None,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs.")] = Path("runs"),
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Train small classifiers on the features of models, test them, and print Table 1 of the paper.

    Interrupt it at any time: the same command goes on where it stopped. Features are cached.

    With --shard it computes the features of a part of the clips and trains nothing. When the jobs of all parts are
    done, the command without --shard finds the features in the cache.

    Examples:

        m2l-bench data make mini-tinysol

        m2l-bench probe --task mini-tinysol-pitch

        m2l-bench probe --task beatport --models musicnn,chroma --data beatport_key

        m2l-bench probe --task mini-beatport --train-fraction 0.01,0.1,1

        m2l-bench probe --task magnatagatune --data magnatagatune --shard 2/8
    """
    require("probe")
    from m2l_bench.api.probe import compute_features
    from m2l_bench.api.probe import probe as probe_models
    from m2l_bench.console.probes import ProbeProgress, print_outcomes, print_shard, probe_json
    from m2l_bench.console.reconstruction import print_table
    from m2l_bench.console.terminal import print_json

    stdout, stderr = consoles()
    names = "all" if models == "all" else split_names(models)
    if shard is not None:
        plan, outcomes = compute_features(
            names,
            task,
            shard,
            data=data,
            device=device,
            precision=precision.value,
            engine=engine.value,
            address=address,
            weights_dir=weights_dir,
            cards=cards or (),
            progress=ProbeProgress(stderr),
        )
        if json:
            print_json(probe_json(outcomes, plan, None))
        else:
            print_shard(stderr, outcomes, plan, shard)
        _exit_with(outcomes)
        return
    scores = probe_models(
        names,
        task,
        data=data,
        classifier=probe.value,
        seeds=seeds,
        train_fractions=_fractions(train_fraction),
        device=device,
        precision=precision.value,
        engine=engine.value,
        address=address,
        out=out,
        weights_dir=weights_dir,
        cards=cards or (),
        progress=ProbeProgress(stderr),
    )
    if json:
        print_json(probe_json(scores.outcomes, scores.plan, scores.formatted))
    else:
        print_table(stdout, scores.formatted)
        print_outcomes(stderr, scores.outcomes, scores.plan, out)
    _exit_with(scores.outcomes)


def _exit_with(outcomes: list[ProbeOutcome]) -> None:
    """Exit with code 3 if a clip or a model failed."""
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        fractions = tuple(float(number) for number in text.split(","))
    except ValueError:
        fractions = ()
    in_range = all(0 < fraction <= 1 for fraction in fractions)
    if not fractions or not in_range or len(set(fractions)) < len(fractions):
        raise UserError(f"--train-fraction {text}: expected different numbers above 0 and up to 1, separated by commas")
    return fractions
