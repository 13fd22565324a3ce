"""`m2l-bench reconstruct`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, CardsOption, DeviceOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.cards import Cards, SystemCard


TaskOption = Annotated[str, typer.Option(help="Name of a task card; `m2l-bench tasks` lists them.")]
ModelsOption = Annotated[str, typer.Option(help="System cards separated by commas, or `all`.")]
DataOption = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the task's audio lies.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of generative decoders.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")]
JobsOption = Annotated[int, typer.Option(min=0, help="Scoring processes; 0: one a core.")]
OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.")]
AudioOption = Annotated[
    bool | None,
    typer.Option("--audio/--no-audio", help="Write reconstructions as FLAC; default: as the task says."),
]


def reconstruct(
    task: TaskOption = "bundled",
    models: ModelsOption = "",
    data: DataOption = None,
    recorded: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=DIR", help="Reconstructions made elsewhere, named like the clips (repeatable)."),
    ] = None,
    wrong_rate_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="This recorded system's files state a wrong sample rate: take the original's.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="DIR|NPZ", help="Take Fréchet distances against this in place of the clips' originals."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps, for systems that have any.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
    jobs: JobsOption = 0,
    out: OutOption = Path("runs"),
    audio: AudioOption = None,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Run systems over a task's clips, score them, print the table.

    Interrupt it at any time: the same command goes on where it stopped.

    Examples:

        m2l-bench reconstruct --models all

        m2l-bench reconstruct --task folder --data my_music --models opus-12k,mp3-32k

        m2l-bench reconstruct --task folder --data originals --recorded mine=reconstructions
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console import reconstruction as summaries
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.reconstruction import pipeline
    from m2l_bench.reconstruction.plan import Settings, make_plan
    from m2l_bench.runs.distances import ORIGINALS
    from m2l_bench.tables.reconstruction import reconstruction_table

    stdout, stderr = consoles()
    found = load_cards(cards or ())
    systems, tolerant = _chosen_systems(found, models, recorded or [], wrong_rate_label or [])
    settings = Settings(out, seed, steps, device, jobs, limit, audio, weights_dir, reference)
    plan = make_plan(found.task(task), systems, data, settings, skip_unavailable=tolerant, embeddings=found.embeddings)
    summaries.print_plan(stderr, plan)
    if not plan.available:
        raise UserError("none of these systems can run here")
    outcomes = pipeline.reconstruct(plan, settings, ProgressBars(stderr))
    folders = {outcome.folder for outcome in outcomes if not outcome.problem}
    against = reference.name if reference else ORIGINALS
    result = reconstruction_table(out, plan.dataset.label, folders, against) if folders else None
    if json:
        print_json(summaries.reconstruct_json(outcomes, plan, result))
    else:
        if result:
            summaries.print_table(stdout, result)
        summaries.print_outcomes(stderr, outcomes, plan, settings)
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def sweep(
    models: ModelsOption = "music2latent",
    steps: Annotated[str, typer.Option(help="Numbers of denoising steps, separated by commas.")] = "1,2,4,8",
    task: TaskOption = "bundled",
    data: DataOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
    jobs: JobsOption = 0,
    out: OutOption = Path("runs"),
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where figure2.csv goes.")] = Path("results"),
    audio: AudioOption = None,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Quality against denoising steps, Figure 2 of the paper: results/figure2.csv.

    Each number of steps is a run of its own: interrupt it at any time, add numbers later.

    Examples:

        m2l-bench sweep --models music2latent --steps 1,2,4,8

        m2l-bench sweep --task musiccaps --data clips --steps 1,2,3,5
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console import reconstruction as summaries
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.reconstruction import sweep as denoising
    from m2l_bench.reconstruction.plan import Settings, make_plan
    from m2l_bench.tables import formats as table_formats

    stdout, stderr = consoles()
    numbers = [int(number) if number.strip().isdigit() else 0 for number in steps.split(",")]
    if 0 in numbers or len(set(numbers)) < len(numbers):
        raise UserError(f"--steps {steps}: say different whole numbers above zero, separated by commas")
    found = load_cards(cards or ())
    systems, tolerant = _chosen_systems(found, models, [], [])
    settings = Settings(out, seed, None, device, jobs, limit, audio, weights_dir)
    plan = make_plan(found.task(task), systems, data, settings, skip_unavailable=tolerant, embeddings=found.embeddings)
    summaries.print_plan(stderr, plan)
    outcomes, result = denoising.sweep(plan, settings, numbers, ProgressBars(stderr))
    paths = table_formats.write(result, results, "figure2")
    if json:
        print_json(summaries.reconstruct_json(outcomes, plan, result))
    else:
        summaries.print_table(stdout, result)
        summaries.print_outcomes(stderr, outcomes, plan, settings)
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False, soft_wrap=True)
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _chosen_systems(
    cards: Cards, models: str, recorded: list[str], wrong_rate_label: list[str]
) -> tuple[list[SystemCard], bool]:
    """The cards a command names, and whether unavailable ones are passed over (only for `all`)."""
    from m2l_bench.systems.loading import recorded_card

    pairs = []
    for item in recorded:
        name, equals, directory = item.partition("=")
        if not equals or not directory:
            raise UserError(f"--recorded {item}: say NAME=DIR")
        pairs.append((name, Path(directory)))
    strange = set(wrong_rate_label) - {name for name, _ in pairs}
    if strange:
        raise UserError(f"--wrong-rate-label {min(strange)}: no --recorded {min(strange)}=DIR is given")
    systems = [recorded_card(cards, name, folder, name in wrong_rate_label) for name, folder in pairs]
    tolerant = models == "all" or not (models or recorded)
    if tolerant:
        systems += [card for card in cards.systems.values() if card.name not in dict(pairs)]
    else:
        systems += [cards.system(name.strip()) for name in models.split(",") if name.strip()]
    names = [card.name for card in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"the system '{twice}' is named twice")
    return systems, tolerant
