"""The command line: its commands, and how they end.

Exit codes: 0 done; 1 an error, reported in one line; 2 wrong usage; 3 done, but some clips or systems failed; 130
interrupted.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench import __version__
from m2l_bench.boundary import explain_full_disk, interrupted, is_disk_full, is_out_of_memory, listen_for_interrupts
from m2l_bench.commands import (
    agreement,
    data,
    fad,
    generate,
    latents,
    listen,
    merge,
    models,
    music2latent,
    plot,
    probe,
    publish,
    reconstruct,
    report,
    tables,
    tasks,
    training,
    weights,
)
from m2l_bench.commands.common import SMALLER, State, consoles
from m2l_bench.environment import LOG, accept_any_terminal
from m2l_bench.errors import UserError
from m2l_bench.extras import explain_missing_package
from m2l_bench.text import one_line

INTERRUPTED = 130
INTERRUPTED_MESSAGE = "interrupted; what is finished is safe, the same command goes on"

Command = Callable[..., None]

COMMANDS: tuple[Command, ...] = (
    reconstruct.reconstruct,
    reconstruct.sweep,
    merge.merge,
    probe.probe,
    tables.tables,
    agreement.agreement,
    report.report,
    fad.fad,
    listen.listen,
    publish.submit,
    publish.verify,
    publish.leaderboard,
    tasks.tasks,
    music2latent.encode,
    music2latent.decode,
    music2latent.export,
    training.pack,
    training.train,
    training.ablate,
    generate.generate,
)
MODELS: dict[str, Command] = {"show": models.show, "add": models.add, "check": models.check}
GROUPS: dict[str, tuple[str, dict[str, Command]]] = {
    "data": (
        "Download, render and check datasets.",
        {"get": data.get, "make": data.make, "check": data.check, "musiccaps": data.musiccaps},
    ),
    "latents": (
        "Show and check collections of latents, and measure the latents of systems.",
        {"info": latents.info, "verify": latents.verify, "report": latents.report},
    ),
    "plot": (
        "Draw figures of runs, for a paper or a web page.",
        {
            "figure2": plot.figure2,
            "pareto": plot.pareto,
            "distribution": plot.distribution,
            "agreement": plot.agreement,
            "spectrograms": plot.spectrograms,
            "training": plot.training,
            "confusion": plot.confusion,
            "latents": plot.latents,
            "generate": plot.generate,
        },
    ),
    "weights": (
        "List and fetch the weights of systems and embeddings.",
        {"list": weights.list_weights, "get": weights.get},
    ),
}


def make_app(called: str = "") -> typer.Typer:
    """Make the command line.

    Args:
        called: the first word of the command that is going to run. The other commands are only listed: to make their
            options takes a fifth of the start. Empty: all commands can run.

    Help is plain text: Rich's would take half of the start.
    """

    def add(app: typer.Typer, name: str, command: Command, word: str) -> None:
        usable = command if called in ("", word) else _only_listed
        app.command(name, help=_help_text(command), short_help=_summary(command))(usable)

    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    for command in COMMANDS:
        add(app, command.__name__, command, command.__name__)
    models_app = typer.Typer(cls=models.ModelsGroup)
    usable = models.models if called in ("", "models") else _only_listed
    help, short_help = _help_text(models.models), _summary(models.models)
    models_app.callback(invoke_without_command=True, help=help, short_help=short_help)(usable)
    for name, command in MODELS.items():
        add(models_app, name, command, "models")
    app.add_typer(models_app, name="models")
    for group_name, (help, commands) in GROUPS.items():
        group = typer.Typer(no_args_is_help=True, help=help)
        for name, command in commands.items():
            add(group, name, command, group_name)
        app.add_typer(group, name=group_name)
    return app


def _only_listed() -> None:
    """Stand for a command that is listed in the help and does not run."""
    raise AssertionError


def _help_text(command: Command) -> str:
    """Write the help of a command from its docstring. Each example stays on a line of its own, however long."""
    text, _, examples = (inspect.getdoc(command) or "").partition("Examples:\n")
    lines = [f"  {line.strip()}" for line in examples.splitlines() if line.strip()]
    return "\n".join([text, "\b", "Examples:", *lines]) if lines else text


def _summary(command: Command) -> str:
    """Give the first sentence of a command's docstring."""
    paragraph = (inspect.getdoc(command) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].removesuffix(".") + "."


def _show_version(value: bool) -> None:
    if value:
        print(f"m2l-bench {__version__}")
        raise typer.Exit


def _common(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours; so does NO_COLOR=1.")] = False,
    status: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write there, as JSON, what the command is doing and how far it is."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose, test and publish music audio autoencoders.

    `m2l-bench reconstruct` runs every available system over thirty bundled clips and prints a table.
    """
    State.color, State.debug, State.command = not no_color, debug, context.invoked_subcommand or ""
    if status is not None:
        from m2l_bench.console.status import STATUS

        STATUS.open(status, State.command)


def _called_word(arguments: list[str]) -> str:
    """Find the word that names the command; where there is none, "--help". Empty: a shell asks for completions."""
    if "_M2L_BENCH_COMPLETE" in os.environ:
        return ""
    words = [word for word, last in zip(arguments, ["", *arguments], strict=False) if last != "--status"]
    return next((word for word in words if not word.startswith("-")), "--help")


def main() -> None:
    """Run the command line, and let the file of --status say how it ended."""
    code: object = 1
    try:
        _run()
        code = 0
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        if status := sys.modules.get("m2l_bench.console.status"):
            status.STATUS.close(code)


def _run() -> None:
    """Run the command line. An error that the user can fix is printed as one line, a traceback only with --debug."""
    listen_for_interrupts()
    accept_any_terminal()
    threading.excepthook = _report_thread
    try:
        make_app(_called_word(sys.argv[1:]))()
    except (KeyboardInterrupt, SystemExit) as end:  # typer makes the second of the first, and says nothing
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        _print_error(INTERRUPTED_MESSAGE)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except UserError as error:
        if State.debug:
            raise
        _print_error(f"error: {one_line(error)}")
        sys.exit(1)
    except Exception as error:
        if State.debug:
            raise
        if interrupted():
            _print_error(INTERRUPTED_MESSAGE)
            sys.exit(INTERRUPTED)
        if is_out_of_memory(error):
            _print_error(f"error: out of memory: {SMALLER.get(State.command, 'use smaller inputs')}")
            sys.exit(1)
        if is_disk_full(error):
            _print_error(f"error: {explain_full_disk(error)}")
            sys.exit(1)
        missing = explain_missing_package(error)
        bug = f"{type(error).__name__}: {one_line(error)} (probably a bug: m2l-bench --debug ... shows where)"
        _print_error(f"error: {missing or bug}")
        sys.exit(1)


def _report_thread(failure: threading.ExceptHookArgs) -> None:
    """Report in one line that a thread failed; whatever waits for its work fails too, and says what to do."""
    if State.debug:
        threading.__excepthook__(failure)
    elif failure.exc_value is not None:
        LOG.warning("%s: %s", failure.exc_type.__name__, one_line(failure.exc_value))


def _print_error(message: str) -> None:
    _, stderr = consoles()
    stderr.print(message, style="bold red", markup=False, soft_wrap=True)
