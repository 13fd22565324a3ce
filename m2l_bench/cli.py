"""The command line: parses, calls one function, prints.

Exit codes: 0 done; 1 an error, said in one line; 2 wrong usage; 3 done, but some clips or systems failed; 130
interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2l_bench.errors import UserError, one_line

if TYPE_CHECKING:
    from m2l_bench.cards import Cards, SystemCard

SOME_FAILED = 3
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(no_args_is_help=True, help="Get datasets.")
app.add_typer(data_app, name="data")


class _State:
    color = True
    debug = False


class Format(str, Enum):
    """Ways to print a table."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


class ExportFormat(str, Enum):
    """Layouts of Music2Latent weights."""

    safetensors = "safetensors"
    official = "official"


CardsOption = Annotated[
    list[Path] | None, typer.Option("--cards", metavar="DIR", help="Folder of further cards (repeatable).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(f"m2l-bench {version('m2l-bench')}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR works too.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose, test and publish music audio autoencoders.

    `m2l-bench reconstruct` runs every available system over thirty bundled clips and prints a table.
    """
    _State.color, _State.debug = not no_color, debug


@app.command()
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
    device: Annotated[str, typer.Option(help="`cpu`, `cuda`, `cuda:1`, or `auto`.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Scoring processes; 0: one a core.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.")] = Path("runs"),
    audio: Annotated[
        bool | None,
        typer.Option("--audio/--no-audio", help="Write reconstructions as FLAC; default: as the task says."),
    ] = None,
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
    from m2l_bench.tables import reconstruction_table
    from m2l_bench.terminal import ProgressBars, print_json

    stdout, stderr = _consoles()
    found = load_cards(cards or ())
    systems, tolerant = _chosen_systems(found, models, recorded or [], wrong_rate_label or [])
    settings = pipeline.Settings(
        out=out, seed=seed, steps=steps, device=device, jobs=jobs, limit=limit, keep_audio=audio
    )
    plan = pipeline.make_plan(found.task(task), systems, data, settings, skip_unavailable=tolerant)
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


@app.command()
def tables(
    runs: Annotated[Path, typer.Argument(help="Folder that holds the runs.")] = Path("runs"),
    task: Annotated[str | None, typer.Option(help="Which dataset's runs, when there are several.")] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where table2.csv and table2.md go.")] = Path("results"),
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.terminal,
    json: JsonOption = False,
) -> None:
    """Regenerate Table 2 from runs: results/table2.csv, and Markdown or LaTeX to paste.

    Examples:

        m2l-bench tables

        m2l-bench tables runs --task musiccaps --format latex
    """
    from m2l_bench import summaries
    from m2l_bench import tables as module
    from m2l_bench.terminal import print_json

    stdout, stderr = _consoles()
    result = module.reconstruction_table(runs, task)
    paths = module.write(result, results)
    if json:
        print_json(module.to_json(result))
    elif format is Format.terminal:
        summaries.print_table(stdout, result)
    else:
        text = {"markdown": module.to_markdown, "latex": module.to_latex, "csv": module.to_csv}[format.value](result)
        sys.stdout.write(text)
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False)


@app.command()
def models(cards: CardsOption = None, json: JsonOption = False) -> None:
    """List the systems, and how to make available those that are not."""
    from m2l_bench.cards import load_cards
    from m2l_bench.systems import availability
    from m2l_bench.terminal import print_json, table

    stdout, _ = _consoles()
    states = [(card, availability(card)) for card in load_cards(cards or ()).systems.values()]
    if json:
        print_json(
            [
                {
                    **card.model_dump(mode="json"),
                    "available": bool(state),
                    "reason": state.reason,
                    "command": state.command,
                }
                for card, state in states
            ]
        )
        return
    rows = [[card.name, card.title, card.kind, "yes" if state else state.reason] for card, state in states]
    stdout.print(table("", ["Name", "System", "Kind", "Available"], rows))
    for card, state in states:
        if not state:
            stdout.print(f"{card.name}: {state.command}", markup=False, soft_wrap=True)


@app.command()
def tasks(
    name: Annotated[str | None, typer.Argument(help="Show this task in full.")] = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """List the tasks; with a name, all about one of them (for `bundled`, each clip's licence and author)."""
    from m2l_bench.cards import load_cards
    from m2l_bench.datasets import bundled
    from m2l_bench.terminal import print_json, table

    stdout, _ = _consoles()
    found = load_cards(cards or ())
    if name is None:
        if json:
            print_json([card.model_dump(mode="json") for card in found.tasks.values()])
            return
        rows = [[card.name, card.title, ", ".join(card.metrics)] for card in found.tasks.values()]
        stdout.print(table("", ["Name", "Task", "Metrics"], rows))
        return
    card = found.task(name)
    clips = bundled.manifest() if name == "bundled" else []
    if json:
        print_json({**card.model_dump(mode="json"), "clips": clips})
        return
    for key in ("title", "description", "metrics", "citation", "source", "licence"):
        value = getattr(card, key)
        if value:
            text = ", ".join(value) if isinstance(value, list) else value.strip()
            stdout.print(f"{key}: {text}", markup=False, soft_wrap=True)
    if clips:
        rows = [[row["id"], row["genre"], row["licence"], row["attribution"]] for row in clips]
        stdout.print(table("", ["Clip", "Genre", "Licence", "Attribution"], rows))


WeightsOption = Annotated[str, typer.Option(help="A published name, a folder of weights, or an official `.pt`.")]
DeviceOption = Annotated[str, typer.Option(help="`cpu`, `cuda`, `cuda:1`, or `auto`.")]


class Precision(str, Enum):
    """Types of number for weights and feature maps."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


PrecisionOption = Annotated[Precision, typer.Option(help="bfloat16 is faster on recent processors and GPUs.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Do files again whose output is there.")]


@app.command()
def encode(
    source: Annotated[Path, typer.Argument(help="An audio file, or a folder of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: beside the input.")] = None,
    weights: WeightsOption = "music2latent",
    precision: PrecisionOption = Precision.float32,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> None:
    """Audio to Music2Latent latents, a safetensors file that says all that decoding needs.

    In a folder, files whose output is there are passed over: interrupt it at any time, the same command goes on.

    Examples:

        m2l-bench encode song.flac -o song.safetensors

        m2l-bench encode album -o latents --precision bfloat16
    """
    from m2l_bench import latents_commands
    from m2l_bench.terminal import ProgressBars

    _, stderr = _consoles()
    options = latents_commands.Options(precision.value, device, overwrite)
    _finish_files(latents_commands.encode(source, out, weights, options, ProgressBars(stderr)), json)


@app.command()
def decode(
    source: Annotated[Path, typer.Argument(help="A latents file, or a folder of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: FLAC by the input.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    weights: Annotated[
        str | None, typer.Option(help="Where the weights lie, if not where they lay on encoding.")
    ] = None,
    precision: PrecisionOption = Precision.float32,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> None:
    """Music2Latent latents back to audio of the length, rate and channels that were encoded.

    Examples:

        m2l-bench decode song.safetensors -o song.flac

        m2l-bench decode latents -o album --steps 4
    """
    from m2l_bench import latents_commands
    from m2l_bench.terminal import ProgressBars

    _, stderr = _consoles()
    options = latents_commands.Options(precision.value, device, overwrite)
    _finish_files(latents_commands.decode(source, out, weights, steps, seed, options, ProgressBars(stderr)), json)


@app.command()
def export(
    weights: Annotated[str, typer.Argument(help="A published name, a folder of weights, or an official `.pt`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A `.pt` file (official) or a folder (safetensors).")],
    format: Annotated[ExportFormat, typer.Option(help="Layout to write.")] = ExportFormat.safetensors,
) -> None:
    """Convert Music2Latent weights: to safetensors, or to the `.pt` that the authors' package loads.

    Examples:

        m2l-bench export music2latent.pt -o music2latent

        m2l-bench export runs/mine --format official -o mine.pt
    """
    from m2l_bench import latents_commands

    written = latents_commands.export(weights, out, official=format is ExportFormat.official)
    _, stderr = _consoles()
    stderr.print(f"wrote {written}", markup=False, soft_wrap=True)


@data_app.command("musiccaps")
def data_musiccaps(
    folder: Annotated[Path, typer.Argument(help="Where the clips go.")],
    csv: Annotated[Path | None, typer.Option(help="Google's CSV; default: fetched from the Hugging Face hub.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")] = None,
    retry_gone: Annotated[bool, typer.Option("--retry-gone", help="Ask again for clips recorded as gone.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch MusicCaps' ten-second sections from YouTube with yt-dlp; run it again to resume.

    Videos that are gone are recorded in `gone.csv` with the reason.
    """
    from m2l_bench.datasets import musiccaps_download
    from m2l_bench.terminal import ProgressBars, print_json

    stdout, stderr = _consoles()
    summary = musiccaps_download.download(folder, csv, limit, retry_gone, ProgressBars(stderr))
    if json:
        print_json(summary)
        return
    stdout.print(
        f"{summary['present']} of {summary['listed']} clips in {folder} "
        f"({summary['fetched']} new, {summary['gone']} gone: see gone.csv)",
        markup=False,
        soft_wrap=True,
    )


def main() -> None:
    """Entry point: one line for errors that are the user's to mend, a traceback only with --debug."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except KeyboardInterrupt:
        if _State.debug:
            raise
        _complain("interrupted; finished clips are safe, the same command goes on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except UserError as error:
        if _State.debug:
            raise
        _complain(f"error: {one_line(error)}")
        sys.exit(1)
    except Exception as error:
        if _State.debug:
            raise
        _complain(f"error: {type(error).__name__}: {one_line(error)} (a bug? m2l-bench --debug ... shows where)")
        sys.exit(1)


def _terminate(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _complain(message: str) -> None:
    _, stderr = _consoles()
    stderr.print(message, style="bold red", markup=False, soft_wrap=True)


def _consoles() -> Any:
    from m2l_bench.terminal import make_consoles

    return make_consoles(_State.color)


def _finish_files(done: Any, json: bool) -> None:
    """Say what became of the files of `encode` or `decode`."""
    from m2l_bench.terminal import print_json

    stdout, stderr = _consoles()
    if json:
        print_json(done.as_dict())
    else:
        for path in done.written:
            stdout.print(str(path), markup=False, soft_wrap=True)
    for path, reason in done.failed.items():
        stderr.print(f"{path}: {reason}", style="bold red", markup=False, soft_wrap=True)
    if done.present:
        stderr.print(f"{len(done.present)} already there (--overwrite does them again)", markup=False)
    if done.failed:
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
