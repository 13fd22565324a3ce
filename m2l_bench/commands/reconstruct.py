"""`m2l-bench reconstruct`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, CardsOption, DeviceOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.cards import Cards, SystemCard


def reconstruct(
    task: Annotated[str, typer.Option(help="Name of a task card; `m2l-bench tasks` lists them.")] = "bundled",
    models: Annotated[str, typer.Option(help="System cards separated by commas, or `all`.")] = "",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the task's audio lies.")] = None,
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
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps, for systems that have any.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of generative decoders.")] = 0,
    device: DeviceOption = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Scoring processes; 0: one a core.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.")] = Path("runs"),
    audio: Annotated[
        bool | None,
        typer.Option("--audio/--no-audio", help="Write reconstructions as FLAC; default: as the task says."),
    ] = None,
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
    from m2l_bench import reconstruct as pipeline
    from m2l_bench import summaries
    from m2l_bench.cards import load_cards
    from m2l_bench.plan import Settings, make_plan
    from m2l_bench.tables import reconstruction_table
    from m2l_bench.terminal import ProgressBars, print_json

    stdout, stderr = consoles()
    found = load_cards(cards or ())
    systems, tolerant = _chosen_systems(found, models, recorded or [], wrong_rate_label or [])
    settings = Settings(out, seed, steps, device, jobs, limit, keep_audio=audio, weights_dir=weights_dir)
    plan = make_plan(found.task(task), systems, data, settings, skip_unavailable=tolerant, embeddings=found.embeddings)
    summaries.print_plan(stderr, plan)
    if not plan.available:
        raise UserError("none of these systems can run here")
    outcomes = pipeline.reconstruct(plan, settings, ProgressBars(stderr))
    folders = {outcome.folder for outcome in outcomes if not outcome.problem}
    result = reconstruction_table(out, plan.dataset.label, folders) if folders else None
    if json:
        print_json(summaries.reconstruct_json(outcomes, plan, result))
    else:
        if result:
            summaries.print_table(stdout, result)
        summaries.print_outcomes(stderr, outcomes, plan, settings)
    if any(outcome.failed or outcome.problem for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _chosen_systems(
    cards: Cards, models: str, recorded: list[str], wrong_rate_label: list[str]
) -> tuple[list[SystemCard], bool]:
    """The cards a command names, and whether unavailable ones are passed over (only for `all`)."""
    from m2l_bench.systems import recorded_card

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
