"""`m2l-bench models` and `m2l-bench models check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from m2l_bench.commands.common import (
    CardsOption,
    DeviceOption,
    JsonOption,
    Precision,
    PrecisionOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError
from m2l_bench.text import counted

if TYPE_CHECKING:
    from m2l_bench.adapter import Availability
    from m2l_bench.cards import Latents, SystemCard


def models(
    context: typer.Context,
    long: Annotated[
        bool, typer.Option("--long", help="Show rates, widths, compression, licences and weights.")
    ] = False,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """List the systems, and the commands that make the unavailable ones available.

    `m2l-bench models check NAME` tests a system on one second of audio.

    Examples:

        m2l-bench models

        m2l-bench models dac

        m2l-bench models --long
    """
    if context.invoked_subcommand is not None:
        return
    from m2l_bench.adapter import group_by_reason
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import lines, print_json, table
    from m2l_bench.systems.loading import availability

    stdout, _ = consoles()
    states = [(card, availability(card, weights_dir)) for card in load_cards(cards or ()).systems.values()]
    if json:
        print_json([_described(card, state) for card, state in states])
        return
    if long:
        cards_and_latents = [(card, card.latents) for card, _ in states if card.latents]
        rates = [[card.name, *_rates(latents), str(card.steps or "")] for card, latents in cards_and_latents]
        for text in (
            lines("Latents of one encoded stream", ["Name", *RATES, "Steps"], rates),
            RATES_NOTE,
            lines("Licences and files of weights", ["Name", *LICENCES], [_licences(card) for card, _ in states]),
            LICENCES_NOTE,
        ):
            stdout.print(text, end="\n\n", markup=False, soft_wrap=True)
    else:
        rows = [
            [card.name, card.title, card.kind, _stereo_rate(card), "yes" if state else "no"] for card, state in states
        ]
        stdout.print(table("", ["Name", "System", "Kind", "kb/s", "Runs here"], rows))
        stdout.print("kb/s: rate of stereo audio, if the card states it")
    for names, state in group_by_reason((card.name, state) for card, state in states if not state):
        stdout.print(f"{', '.join(names)}: {state}", markup=False, soft_wrap=True)


class ModelsGroup(TyperGroup):
    """Takes `models NAME` for `models show NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the system.")],
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Show one system: what it is, its rate and licences, and whether it runs here.

    Examples:

        m2l-bench models dac
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json
    from m2l_bench.systems.loading import availability

    stdout, _ = consoles()
    card = load_cards(cards or ()).system(name)
    state = availability(card, weights_dir)
    if json:
        print_json(_described(card, state))
        return
    facts = {
        card.title: " ".join(card.description.split()) or f"a {card.kind} system",
        "runs here": "yes" if state else f"no: {state}",
        "audio": card.latents and f"{card.latents.sample_rate:,} Hz, {counted(card.latents.channels, 'channel')}",
        "latents": card.latents
        and f"{card.latents.width} numbers of {card.latents.bits:g} bits, "
        f"{card.latents.frames_per_second:.1f} times a second",
        "rate": _stereo_rate(card) and f"{_stereo_rate(card)} kb/s for stereo",
        "denoising steps": card.steps,
        "licences": f"code {card.licence.code or 'not stated'}, weights {card.licence.weights or 'none'}",
        "weights": ", ".join(f"{file.name} ({file.megabytes:,.0f} MB)" for file in card.weights.values()),
        "cite": card.citation,
        "source": card.source,
        "card": card.path,
    }
    for label, fact in facts.items():
        if fact:
            stdout.print(f"{label}: {fact}", markup=False)


def _stereo_rate(card: SystemCard) -> str:
    """Bitrate of stereo audio in kb/s; empty where the card does not state latents."""
    return f"{card.latents.kilobits_per_second * 2 / card.latents.channels:.1f}" if card.latents else ""


def add(
    repository: Annotated[str, typer.Argument(metavar="hf:OWNER/REPO", help="A repository on the Hugging Face hub.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the system; default: the repository's.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of cards.")] = Path("cards"),
) -> None:
    """Write a card for a codec on the hub, so that all commands can use it.

    Its configuration tells which codec it is: Music2Latent, as `m2l-bench train` and `export` write it or as an
    official `.pt`; an `AutoencoderOobleck` of diffusers; a DAC or Mimi of transformers. The card names commit and
    hashes.

    Examples:

        m2l-bench models add hf:someone/fine-tuned-music2latent

        m2l-bench weights get fine-tuned-music2latent --cards cards

        m2l-bench models check fine-tuned-music2latent --cards cards
    """
    from m2l_bench.music2latent.hub import HubFile
    from m2l_bench.runs.files import explain_write_errors, write_atomically
    from m2l_bench.weights.recognition import LARGEST_CONFIG_BYTES, read_repository, write_card

    stdout, _ = consoles()
    prefix, _, path = repository.partition(":")
    if prefix != "hf" or path.count("/") != 1:
        raise UserError(f"{repository}: expected hf:OWNER/REPO")
    found = read_repository(path)
    name = name or found.card_name

    def read(file: str) -> Path:
        return HubFile(path, file, found.commit, None, limit_bytes=LARGEST_CONFIG_BYTES).download()

    text = write_card(found, name, read)
    target = out / f"{name}.yaml"
    if target.exists():
        raise UserError(f"{target}: exists already; choose another --name, or delete it")
    with explain_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(target, text.encode())
    stdout.print(f"wrote {target}; next:", markup=False, soft_wrap=True)
    for command in ("weights get", "models check"):
        stdout.print(f"  m2l-bench {command} {name} --cards {out}", markup=False, soft_wrap=True)


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the system; `m2l-bench models` lists them.")],
    device: DeviceOption = "cpu",
    precision: PrecisionOption = Precision.auto,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Load a system, run one second of audio through it, and check the result.

    Checks shapes and rate, and that a second run gives the same result; prints compression, speed and memory.

    Examples:

        m2l-bench models check opus-12k

        m2l-bench models check dac --weights-dir /data/weights
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json, table
    from m2l_bench.engine.torch_devices import torch_device
    from m2l_bench.systems.check import check_codec
    from m2l_bench.systems.loading import load_runner
    from m2l_bench.systems.precision import in_precision

    stdout, _ = consoles()
    chosen = torch_device(device)
    card = in_precision(load_cards(cards or ()).system(name), precision.value, [chosen])
    result = check_codec(card, load_runner(card, device=chosen, weights_dir=weights_dir))
    if json:
        print_json({"name": name, **asdict(result)})
    else:
        measured_rate = result.bytes_per_second * 8 / 1000 * 2 / result.channels
        rows = [
            ["audio", f"{result.sample_rate:,} Hz, {counted(result.channels, 'channel')}"],
            ["latents of one second", _shape(result.latents)],
            ["features of one second", _shape(result.features) if result.features else "none"],
            ["size of these latents", f"{result.values_per_second:,} numbers, {result.bytes_per_second:,} bytes"],
            ["rate for stereo", f"{_stereo_rate(card) or f'{measured_rate:.1f}'} kb/s"],
            ["samples to numbers", f"{result.compression:.1f}x"],
            ["encode", f"{result.encode_seconds:.3f} s, {1 / result.encode_seconds:.1f}x real time"],
            ["decode", f"{result.decode_seconds:.3f} s, {1 / result.decode_seconds:.1f}x real time"],
            ["peak memory", f"{result.peak_memory_mb:,.0f} MB"],
        ]
        stdout.print(table(card.title, ["", ""], rows))
    if result.problems:
        raise UserError(f"{name}: {'; '.join(result.problems)}")


RATES = ["Hz", "Ch.", "Width", "fps", "kb/s", "Time", "Total"]
RATES_NOTE = """\
Ch.: channels of one stream; with one channel, stereo is two streams.
Width: numbers per frame. fps: frames per second.
kb/s: a continuous number counts as 32 bits.
Time: samples of one channel per frame. Total: samples of all channels per
number. Steps: default number of denoising steps. Systems without latents
of a fixed rate, and systems whose rate is not public, are left out."""
LICENCES = ["Code", "Weights", "MB"]
LICENCES_NOTE = "--json also has citations, sources, revisions and hashes."


def _rates(latents: Latents) -> list[str]:
    return [
        str(latents.sample_rate),
        str(latents.channels),
        str(latents.width),
        f"{latents.frames_per_second:.1f}",
        f"{latents.kilobits_per_second:.1f}",
        f"{latents.samples}x",
        f"{latents.total_compression:.1f}x",
    ]


def _licences(card: SystemCard) -> list[str]:
    megabytes = sum(file.megabytes for file in card.weights.values())
    return [card.name, card.licence.code, card.licence.weights, f"{megabytes:,.0f}" if megabytes else ""]


def _described(card: SystemCard, state: Availability) -> dict[str, Any]:
    latents = card.latents
    computed = latents and {
        "frames_per_second": latents.frames_per_second,
        "kilobits_per_second": latents.kilobits_per_second,
        "time_compression": latents.samples,
        "total_compression": latents.total_compression,
    }
    return {
        **card.model_dump(mode="json"),
        "computed": computed,
        "available": bool(state),
        "reason": state.reason,
        "command": state.command,
    }


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(f"{size:,}" for size in shape)
