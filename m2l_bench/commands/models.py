"""`m2l-bench models` and `m2l-bench models check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2l_bench.commands.common import CardsOption, DeviceOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.adapters import Availability
    from m2l_bench.cards import SystemCard


def models(
    context: typer.Context,
    long: Annotated[bool, typer.Option("--long", help="Rates, widths, compression, licences and weights.")] = False,
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """List the systems, and how to make available those that are not.

    `m2l-bench models check NAME` runs one second through a system.
    """
    if context.invoked_subcommand is not None:
        return
    from m2l_bench.cards import load_cards
    from m2l_bench.systems import availability
    from m2l_bench.terminal import print_json, table

    stdout, _ = consoles()
    states = [(card, availability(card, weights_dir)) for card in load_cards(cards or ()).systems.values()]
    if json:
        print_json([_described(card, state) for card, state in states])
        return
    if long:
        stdout.print(table("", LONG_HEAD, [_long_row(card) for card, _ in states]))
        stdout.print(LONG_NOTE, markup=False, soft_wrap=True)
    else:
        rows = [[card.name, card.title, card.kind, "yes" if state else state.reason] for card, state in states]
        stdout.print(table("", ["Name", "System", "Kind", "Available"], rows))
    for card, state in states:
        if not state:
            stdout.print(f"{card.name}: {state.command}", markup=False, soft_wrap=True)


def check(
    name: Annotated[str, typer.Argument(help="A name that `models` shows.")],
    device: DeviceOption = "cpu",
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Load a system and run one second through it: shapes, ratio, the same twice; speed and memory.

    Examples:

        m2l-bench models check opus-12k

        m2l-bench models check dac --weights-dir /data/weights
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.codec_check import check_codec
    from m2l_bench.codec_runner import torch_device
    from m2l_bench.systems import load_runner
    from m2l_bench.terminal import print_json, table

    stdout, _ = consoles()
    card = load_cards(cards or ()).system(name)
    found = check_codec(card, load_runner(card, device=torch_device(device), weights_dir=weights_dir))
    if json:
        print_json({"name": name, **asdict(found)})
    else:
        rows = [
            ["audio", f"{found.sample_rate:,} Hz, {_counted(found.channels, 'channel')}"],
            ["latents of one second", _shape(found.latents)],
            ["features of one second", _shape(found.features) if found.features else "none"],
            ["transmitted", f"{found.values_per_second:,} numbers, {found.bytes_per_second * 8 / 1000:.2f} kb/s"],
            ["samples to numbers", f"{found.compression:.1f}x"],
            ["encode", f"{found.encode_seconds:.3f} s, {1 / found.encode_seconds:.1f}x real time"],
            ["decode", f"{found.decode_seconds:.3f} s, {1 / found.decode_seconds:.1f}x real time"],
            ["peak memory", f"{found.peak_memory_mb:,.0f} MB"],
        ]
        stdout.print(table(card.title, ["", ""], rows))
    if found.problems:
        raise UserError(f"{name}: {'; '.join(found.problems)}")


LONG_HEAD = ["Name", "Hz", "Ch.", "Width", "Frames/s", "kb/s", "Time", "Total", "Steps", "Code", "Weights", "MB"]
LONG_NOTE = (
    "Width: numbers a frame. Time: samples of a channel a frame. Total: samples of all channels for each number. "
    "Code and Weights: their licences."
)


def _long_row(card: SystemCard) -> list[str]:
    latents, megabytes = card.latents, sum(file.megabytes for file in card.weights.values())
    measures = [""] * 7
    if latents is not None:
        measures = [
            str(latents.sample_rate),
            str(latents.channels),
            str(latents.width),
            f"{latents.frames_per_second:.1f}",
            f"{latents.kilobits_per_second:.1f}",
            f"{latents.samples}x",
            f"{latents.total_compression:.1f}x",
        ]
    steps = str(card.steps) if card.steps else ""
    size = f"{megabytes:.0f}" if megabytes else ""
    return [card.name, *measures, steps, card.licence.code, card.licence.weights, size]


def _described(card: SystemCard, state: Availability) -> dict[str, Any]:
    return {
        **card.model_dump(mode="json"),
        "available": bool(state),
        "reason": state.reason,
        "command": state.command,
    }


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(f"{size:,}" for size in shape)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number > 1 else "")
