"""`m2l-bench reconstruct` and `m2l-bench sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    AcceptTruncatedOption,
    AddressOption,
    BesideOption,
    CardsOption,
    Columns,
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
from m2l_bench.text import split_names

if TYPE_CHECKING:
    from m2l_bench.cards import Cards, SystemCard


TaskOption = Annotated[str, typer.Option(metavar="NAME", help="Name of a task; `m2l-bench tasks` lists them.")]
ModelsOption = Annotated[
    str, typer.Option(metavar="NAMES", help="Systems, separated by commas, or `all`; `m2l-bench models` lists them.")
]
DataOption = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the task's audio.")]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed of generative decoders.")]
SectionOption = Annotated[
    float | None,
    typer.Option(min=1, metavar="S", help="Cut long files into sections of S seconds; each becomes a clip."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Use only the first N clips.")]
JobsOption = Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes for scoring; 0: one per core.")]
OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs.")]
AudioOption = Annotated[
    bool | None,
    typer.Option("--audio/--no-audio", help="Keep reconstructions as FLAC; default: the task decides."),
]


def reconstruct(
    task: TaskOption = "bundled",
    models: ModelsOption = "",
    data: DataOption = None,
    recorded: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR", help="Folder of reconstructions made elsewhere, named like the clips (repeatable)."
        ),
    ] = None,
    wrong_rate_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Recorded system whose files state a wrong sample rate; the original's is used (repeatable).",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="DIR|NPZ", help="Reference of the Fréchet distances; default: the clips' originals."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of denoising steps, for systems that have any.")
    ] = None,
    seed: SeedOption = 0,
    device: DevicesOption = "auto",
    precision: PrecisionOption = Precision.auto,
    section_seconds: SectionOption = None,
    limit: LimitOption = None,
    shard: ShardOption = None,
    jobs: JobsOption = 0,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    out: OutOption = Path("runs"),
    audio: AudioOption = None,
    accept_truncated: AcceptTruncatedOption = False,
    beside: BesideOption = "none",
    columns: Annotated[
        Columns, typer.Option(help="Metrics to show; any set but the paper's is measured beside the task's metrics.")
    ] = Columns.paper,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Run systems over a task's clips, score the reconstructions, and print a table (Table 2 of the paper).

    Interrupt it at any time: the same command goes on where it stopped.

    With --shard it measures a part of the clips, without Fréchet distances. When the jobs of all parts are done,
    `m2l-bench merge` makes one run of them.

    Examples:

        m2l-bench reconstruct --models all

        m2l-bench reconstruct --task folder --data music --models opus-12k,mp3-32k

        m2l-bench reconstruct --task folder --data music --recorded mine=outputs

        m2l-bench reconstruct --models dac,encodec --columns stereo

        m2l-bench reconstruct --task folder --data albums --section-seconds 60 --models dac

        m2l-bench reconstruct --task musiccaps --data clips --models dac --shard 2/8

        m2l-bench reconstruct --task musiccaps --data clips --models dac --engine ray --address auto
    """
    from m2l_bench.api.evaluate import evaluate
    from m2l_bench.cards import load_cards
    from m2l_bench.console.reconstruction import (
        ReconstructionProgress,
        print_outcomes,
        print_shard,
        print_table,
        reconstruct_json,
    )
    from m2l_bench.console.terminal import print_json

    stdout, stderr = consoles()
    systems, skip_unavailable = _named_systems(load_cards(cards or ()), models, recorded or [], wrong_rate_label or [])
    results = evaluate(
        systems,
        task,
        data=data,
        reference=reference,
        steps=steps,
        seed=seed,
        device=device,
        precision=precision.value,
        section_seconds=section_seconds,
        limit=limit,
        shard=shard,
        jobs=jobs,
        engine=engine.value,
        address=address,
        out=out,
        audio=audio,
        accept_truncated=accept_truncated,
        beside=beside,
        columns=columns.value,
        skip_unavailable=skip_unavailable,
        weights_dir=weights_dir,
        cards=cards or (),
        progress=ReconstructionProgress(stderr),
    )
    if json:
        print_json(reconstruct_json(results.outcomes, results.plan, None if shard else results.formatted))
    elif shard:
        print_shard(stderr, results.outcomes, results.plan, shard, out)
    else:
        print_table(stdout, results.formatted)
        print_outcomes(stderr, results.outcomes, results.plan, out)
    if any(outcome.failed or outcome.problem for outcome in results.outcomes):
        raise typer.Exit(SOME_FAILED)


def sweep(
    models: ModelsOption = "music2latent",
    steps: Annotated[
        str, typer.Option(metavar="N,N,...", help="Numbers of denoising steps, separated by commas.")
    ] = "1,2,4,8",
    task: TaskOption = "bundled",
    data: DataOption = None,
    seed: SeedOption = 0,
    device: DevicesOption = "auto",
    precision: PrecisionOption = Precision.auto,
    limit: LimitOption = None,
    jobs: JobsOption = 0,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    out: OutOption = Path("runs"),
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for figure2.csv; default: the folder of the runs.")
    ] = None,
    audio: AudioOption = None,
    accept_truncated: AcceptTruncatedOption = False,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Measure quality against the number of denoising steps (Figure 2 of the paper); writes figure2.csv.

    Each number of steps is a run of its own: you can interrupt it at any time, and add numbers later.

    Examples:

        m2l-bench sweep --models music2latent --steps 1,2,4,8

        m2l-bench sweep --task musiccaps --data clips --steps 1,2,3,5
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.reconstruction import print_outcomes, print_plan, print_table, reconstruct_json
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.engine import EngineChoice
    from m2l_bench.reconstruction import sweep
    from m2l_bench.reconstruction.plan import Settings, make_plan
    from m2l_bench.tables import formats

    stdout, stderr = consoles()
    numbers = [int(number) if number.strip().isdigit() else 0 for number in steps.split(",")]
    if 0 in numbers or len(set(numbers)) < len(numbers):
        raise UserError(f"--steps {steps}: expected different whole numbers above zero, separated by commas")
    known_cards = load_cards(cards or ())
    systems, skip_unavailable = _named_systems(known_cards, models, [], [])
    settings = Settings(
        out=out,
        seed=seed,
        device=device,
        jobs=jobs,
        engine=EngineChoice(engine.value, address),
        limit=limit,
        keep_audio=audio,
        weights_dir=weights_dir,
        accept_truncated=accept_truncated,
        precision=precision.value,
    )
    plan = make_plan(
        known_cards.task(task),
        systems,
        data,
        settings,
        skip_unavailable=skip_unavailable,
        embeddings=known_cards.embeddings,
    )
    print_plan(stderr, plan)
    outcomes, table = sweep.sweep(plan, settings, numbers, ProgressBars(stderr))
    paths = formats.write(table, results or out, "figure2")
    if json:
        print_json(reconstruct_json(outcomes, plan, table))
    else:
        print_table(stdout, table)
        print_outcomes(stderr, outcomes, plan, out)
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False, soft_wrap=True)
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _named_systems(
    cards: Cards, models: str, recorded: list[str], wrong_rate_label: list[str]
) -> tuple[list[SystemCard], bool]:
    """Find the cards that a command names, and whether to skip unavailable ones (only for `all`).

    Raises:
        UserError: an option is not written as expected, there is no such system, or one is named twice.
    """
    from m2l_bench.systems.loading import recorded_card

    pairs = []
    for item in recorded:
        name, equals, directory = item.partition("=")
        if not equals or not directory:
            raise UserError(f"--recorded {item}: expected NAME=DIR")
        pairs.append((name, Path(directory)))
    unrecorded = set(wrong_rate_label) - {name for name, _ in pairs}
    if unrecorded:
        raise UserError(f"--wrong-rate-label {min(unrecorded)}: no --recorded {min(unrecorded)}=DIR is given")
    systems = [recorded_card(cards, name, folder, name in wrong_rate_label) for name, folder in pairs]
    skip_unavailable = models == "all" or not (models or recorded)
    if skip_unavailable:
        systems += [card for card in cards.all_systems if card.name not in dict(pairs)]
    else:
        systems += [cards.system(name) for name in split_names(models)]
    names = [card.name for card in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"the system '{twice}' is named twice")
    return systems, skip_unavailable
