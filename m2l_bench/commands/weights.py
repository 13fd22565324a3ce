"""`m2l-bench weights ...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2l_bench.commands.common import CardsOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.cards import AdapterCard, Cards


def list_weights(weights_dir: WeightsDirOption = None, cards: CardsOption = None, json: JsonOption = False) -> None:
    """List the networks that make vectors, and the systems: their weights' size, licence, and whether they are here."""
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json, table

    stdout, _ = consoles()
    described = [_described(card, weights_dir) for card in _with_weights(load_cards(cards or ()))]
    if json:
        print_json(described)
        return
    rows = []
    for one in described:
        size = f"{one['megabytes']:,.0f} MB" if one["megabytes"] >= 10 else f"{one['megabytes']:.1f} MB"
        rows.append([one["name"], one["title"], size, one["licence"], one["state"]])
    stdout.print(table("", ["Name", "Network", "Size", "Licence", "State"], rows))
    for one in described:
        if one["command"]:
            stdout.print(f"{one['name']}: {one['command']}", markup=False, soft_wrap=True)


def get(
    names: Annotated[list[str], typer.Argument(help="Names that `weights list` shows.")],
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
) -> None:
    """Fetch weights; run it again to resume. With --weights-dir into that folder, else into the hub's or the own cache.

    Examples:

        m2l-bench weights get vggish clap dac

        m2l-bench weights get mert --weights-dir /data/weights
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import DownloadBar
    from m2l_bench.weights.locate import fetch

    stdout, stderr = consoles()
    found = load_cards(cards or ())
    problems = []
    for card in [card for name in names for card in _called(found, name)]:
        try:
            for file in card.weights.values():
                with DownloadBar(stderr, file.name) as bar:
                    path = fetch(file, weights_dir, bar.advance)
                stdout.print(str(path), markup=False, soft_wrap=True)
        except UserError as error:  # a licence not accepted, say: the others are fetched nevertheless
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))


def _with_weights(cards: Cards) -> list[AdapterCard]:
    systems = [card for card in cards.systems.values() if card.weights]
    return [*cards.embeddings.values(), *systems]


def _called(cards: Cards, name: str) -> list[AdapterCard]:
    """The embedding of this name, the system, or both.

    Raises:
        UserError: there is neither, or nothing to fetch for it.
    """
    from m2l_bench.cards import pick

    found = _with_weights(cards)
    if name in cards.systems and name not in {card.name for card in found}:
        raise UserError(f"no weights to fetch for '{name}': `m2l-bench models` says what runs here and what it needs")
    pick({card.name: card for card in found}, name, "network", "m2l-bench weights list")
    return [card for card in found if card.name == name]


def _described(card: AdapterCard, weights_dir: Path | None) -> dict[str, Any]:
    from m2l_bench.systems.adapters import adapter_availability
    from m2l_bench.weights.locate import find

    files = card.weights.values()
    there = [find(file, weights_dir) for file in files]
    state = adapter_availability(card, weights_dir)
    return {
        "name": card.name,
        "title": card.title,
        "megabytes": sum(file.megabytes for file in files),
        "licence": card.licence.weights,
        "present": None not in there,
        "available": bool(state),
        "state": ("shipped" if all(file.shipped for file in files) else "present") if state else state.reason,
        "command": state.command,
        "files": [
            {**file.model_dump(), "path": str(path) if path else None} for file, path in zip(files, there, strict=True)
        ],
    }
