"""The command line: its commands, and how they end.

Exit codes: 0 done; 1 an error, reported in one line; 2 wrong usage; 3 done, but some clips or systems failed; 130
interrupted.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated

import typer

from m2l_bench import __version__
from m2l_bench.boundary import interrupted, is_out_of_memory, listen_for_interrupts
from m2l_bench.commands import (
    agreement,
    data,
    fad,
    latents,
    listen,
    merge,
    models,
    music2latent,
    plot,
    probe,
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

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    reconstruct.reconstruct,
    reconstruct.sweep,
    merge.merge,
    probe.probe,
    tables.tables,
    agreement.agreement,
    report.report,
    fad.fad,
    listen.listen,
    tasks.tasks,
    music2latent.encode,
    music2latent.decode,
    music2latent.export,
    training.pack,
    training.train,
    training.ablate,
):
    app.command()(command)
models_app = typer.Typer(cls=models.ModelsGroup)
models_app.callback(invoke_without_command=True)(models.models)
models_app.command()(models.show)
models_app.command()(models.check)
app.add_typer(models_app, name="models")
data_app = typer.Typer(no_args_is_help=True, help="Download, render and check datasets.")
data_app.command()(data.get)
data_app.command()(data.make)
data_app.command()(data.check)
data_app.command()(data.musiccaps)
app.add_typer(data_app, name="data")
latents_app = typer.Typer(no_args_is_help=True, help="Show and check collections of latents.")
latents_app.command()(latents.info)
latents_app.command()(latents.verify)
app.add_typer(latents_app, name="latents")
plot_app = typer.Typer(no_args_is_help=True, help="Draw figures of runs, for a paper or a web page.")
for plot_command in (
    plot.figure2,
    plot.pareto,
    plot.distribution,
    plot.agreement,
    plot.spectrograms,
    plot.training,
    plot.confusion,
):
    plot_app.command()(plot_command)
app.add_typer(plot_app, name="plot")
weights_app = typer.Typer(no_args_is_help=True, help="List and fetch the weights of systems and embeddings.")
weights_app.command("list")(weights.list_weights)
weights_app.command()(weights.get)
app.add_typer(weights_app, name="weights")


def _show_version(value: bool) -> None:
    if value:
        print(f"m2l-bench {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours; so does NO_COLOR=1.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose, test and publish music audio autoencoders.

    `m2l-bench reconstruct` runs every available system over thirty bundled clips and prints a table.
    """
    State.color, State.debug, State.command = not no_color, debug, context.invoked_subcommand or ""


def main() -> None:
    """Run the command line. An error that the user can fix is printed as one line, a traceback only with --debug."""
    listen_for_interrupts()
    accept_any_terminal()
    threading.excepthook = _report_thread
    try:
        app()
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
