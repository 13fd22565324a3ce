"""`m2l-bench generate`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    CardsOption,
    DeviceOption,
    JsonOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError
from m2l_bench.text import split_names


def generate(
    models: Annotated[str, typer.Option(metavar="NAMES", help="Systems with continuous latents, separated by commas.")],
    data: Annotated[
        str, typer.Option(metavar="CORPUS", help="Music to train on: what `encode --codec` takes as SOURCE.")
    ],
    held_out: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Other music to compare samples with; default: the thirty bundled clips."),
    ] = None,
    generator: Annotated[
        str, typer.Option(metavar="NAME", help="Card of the transformer and its training: a name, or a `.yaml` file.")
    ] = "flow-small",
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of optimiser steps; default: that of the card.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Number of transformers to train per system.")] = 2,
    samples: Annotated[int, typer.Option(min=2, metavar="N", help="Number of clips in each compared set.")] = 30,
    embeddings: Annotated[
        str, typer.Option(metavar="NAMES", help="Embeddings to compare by, separated by commas.")
    ] = "musicnn",
    device: DeviceOption = "auto",
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of all results.")] = Path(
        "runs/generate"
    ),
    cards: CardsOption = None,
    weights_dir: WeightsDirOption = None,
    json: JsonOption = False,
) -> None:
    """Find out which autoencoder's latents are easiest to generate from.

    The same small flow-matching transformer is trained on the latents of each system, on the same crops of the same
    music. Samples of ten seconds are drawn from it and decoded, and compared as a set with held-out music: Fréchet
    and kernel distance, density and coverage. Four other sets of the same system, two floors and two ceilings, show
    how bad and how good these figures can be.

    It can be interrupted at any time, and the same command goes on. All figures are in `generate.csv`, and
    `m2l-bench listen` makes a page to hear the sets.

    Examples:

        m2l-bench generate --models music2latent,music2latent-mini --data music

        m2l-bench generate --models music2latent --data music --held-out other_music --steps 20000 --samples 200

        m2l-bench generate --models music2latent-mini --data music --steps 50 --seeds 1 --samples 10 -o trial
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.encoding import EncodingBar
    from m2l_bench.console.generation import generation_json, print_generation
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.engine.torch_devices import torch_device
    from m2l_bench.generation.card import load_generator
    from m2l_bench.generation.pipeline import Options
    from m2l_bench.generation.pipeline import generate as generate_all
    from m2l_bench.runs.generated import CSV

    stdout, stderr = consoles()
    known = load_cards(cards or ())
    names, embedding_names = _names(models, "--models"), _names(embeddings, "--embeddings")
    results = generate_all(
        [known.system(name) for name in names],
        data,
        held_out,
        load_generator(generator),
        [known.embedding(name) for name in embedding_names],
        out,
        Options(steps, seeds, samples, torch_device(device), weights_dir),
        ProgressBars(stderr, transient=True),
        EncodingBar(stderr),
    )
    if json:
        print_json(generation_json(results))
    else:
        print_generation(stdout, results.rows, embedding_names)
        stdout.print(f"all figures: {out / CSV}", markup=False, soft_wrap=True)
        if results.rows:
            command = shlex.join(["m2l-bench", "listen", str(out), "-o", "page"])
            stdout.print(f"to hear the sets: {command}", markup=False, soft_wrap=True)
    for note in results.notes:
        stderr.print(f"note: {note}", markup=False, soft_wrap=True)
    for name, reason in results.failed.items():
        stderr.print(f"{name}: {reason}", style="bold red", markup=False, soft_wrap=True)
    if results.failed:
        raise typer.Exit(SOME_FAILED)


def _names(text: str, option: str) -> list[str]:
    """Split names at commas; each is taken once."""
    names = list(dict.fromkeys(split_names(text)))
    if not names:
        raise UserError(f"{option}: no name in {text!r}")
    return names
