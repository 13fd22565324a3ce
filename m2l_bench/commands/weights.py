"""`m2l-bench weights ...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2l_bench.commands.common import CardsOption, JsonOption, WeightsDirOption, consoles
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.cards import AdapterCard, Cards


PLACES = {"shipped": "package", "present": "here"}
"""Words of the table for the states of networks that can run."""


def list_weights(weights_dir: WeightsDirOption = None, cards: CardsOption = None, json: JsonOption = False) -> None:
    """List embeddings and systems with weights: size, licence, and whether the weights are on this machine.

    Examples:

        m2l-bench weights list
    """
    from m2l_bench.adapter import Availability, group_by_reason
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json, table

    stdout, _ = consoles()
    networks = [_describe(card, weights_dir) for card in _networks(load_cards(cards or ()))]
    if json:
        print_json(networks)
        return
    rows = []
    for network in networks:
        size = f"{network['megabytes']:,.0f}" if network["megabytes"] >= 1 else ""
        rows.append([network["name"], network["title"], size, network["licence"], PLACES.get(network["state"], "no")])
    stdout.print(table("", ["Name", "Network", "MB", "Licence", "Where"], rows))
    missing = [network for network in networks if not network["available"]]
    states = [(network["name"], Availability(network["state"], network["command"])) for network in missing]
    for names, state in group_by_reason(states):
        stdout.print(f"{', '.join(names)}: {state}", markup=False, soft_wrap=True)


def get(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAMES", help="Names of embeddings or systems; `m2l-bench weights list` shows them."),
    ],
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
) -> None:
    """Download weights. Run it again to resume.

    They go into --weights-dir if it is given, otherwise into the cache of the Hugging Face hub or of m2l-bench.

    Examples:

        m2l-bench weights get vggish clap dac

        m2l-bench weights get mert --weights-dir /data/weights
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import DownloadBar
    from m2l_bench.weights.locate import fetch

    stdout, stderr = consoles()
    known_cards = load_cards(cards or ())
    problems = []
    for card in [card for name in names for card in _cards_named(known_cards, name)]:
        try:
            for file in card.weights.values():
                with DownloadBar(stderr, file.name) as bar:
                    path = fetch(file, weights_dir, bar.advance)
                stdout.print(str(path), markup=False, soft_wrap=True)
        except UserError as error:  # for example a licence that was not accepted: the others are still fetched
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))


def _networks(cards: Cards) -> list[AdapterCard]:
    systems = [card for card in cards.systems.values() if card.kind == "neural" and card.adapter != "recorded"]
    return [*cards.embeddings.values(), *systems]


def _cards_named(cards: Cards, name: str) -> list[AdapterCard]:
    """Find the embedding of this name, the system, or both.

    Raises:
        UserError: there is neither, or it has no weights to fetch.
    """
    from m2l_bench.cards import pick

    candidates = [card for card in _networks(cards) if card.weights]
    if name in cards.systems and name not in {card.name for card in candidates}:
        raise UserError(f"no weights to fetch for '{name}': `m2l-bench models` says what runs here and what it needs")
    pick({card.name: card for card in candidates}, name, "network", "m2l-bench weights list")
    return [card for card in candidates if card.name == name]


def _describe(card: AdapterCard, weights_dir: Path | None) -> dict[str, Any]:
    from m2l_bench.systems.adapters import adapter_availability
    from m2l_bench.weights.locate import find

    files = card.weights.values()
    paths = [find(file, weights_dir) for file in files]
    state = adapter_availability(card, weights_dir)
    place = "shipped" if all(file.shipped for file in files) else "present"
    return {
        "name": card.name,
        "title": card.title,
        "megabytes": sum(file.megabytes for file in files),
        "licence": card.licence.weights,
        "present": None not in paths,
        "available": bool(state),
        "state": place if state else state.reason,
        "command": state.command,
        "files": [
            {**file.model_dump(), "path": str(path) if path else None} for file, path in zip(files, paths, strict=True)
        ],
    }
