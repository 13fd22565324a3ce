"""`m2l-bench tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import CardsOption, JsonOption, consoles

if TYPE_CHECKING:
    from m2l_bench.cards import ProbeTaskCard, TaskCard


def tasks(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of a task to show in full.")] = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """List the tasks; with a name, show everything about that task.

    For `bundled`, that includes the licence and author of each clip.

    Examples:

        m2l-bench tasks

        m2l-bench tasks bundled
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.terminal import print_json, table
    from m2l_bench.datasets import bundled

    stdout, _ = consoles()
    known_cards = load_cards(cards or ())
    task_cards: list[TaskCard | ProbeTaskCard] = [*known_cards.tasks.values(), *known_cards.probes.values()]
    if name is None:
        if json:
            print_json([card.model_dump(mode="json") for card in task_cards])
            return
        rows = [[card.name, card.title, ", ".join(card.metrics)] for card in task_cards]
        stdout.print(table("", ["Name", "Task", "Metrics"], rows))
        return
    card = known_cards.task_of_any_kind(name)
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
