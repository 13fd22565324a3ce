"""`m2l-bench tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import CardsOption, JsonOption, consoles

if TYPE_CHECKING:
    from m2l_bench.cards import ProbeTaskCard, TaskCard


def tasks(
    name: Annotated[str | None, typer.Argument(help="Show this task in full.")] = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """List the tasks; with a name, all about one of them (for `bundled`, each clip's licence and author)."""
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json, table
    from m2l_bench.datasets import bundled

    stdout, _ = consoles()
    found = load_cards(cards or ())
    every: list[TaskCard | ProbeTaskCard] = [*found.tasks.values(), *found.probes.values()]
    if name is None:
        if json:
            print_json([card.model_dump(mode="json") for card in every])
            return
        rows = [[card.name, card.title, ", ".join(card.metrics)] for card in every]
        stdout.print(table("", ["Name", "Task", "Metrics"], rows))
        return
    card = found.task_of_any_kind(name)
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
