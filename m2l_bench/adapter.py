"""The base of every adapter: a version, weights, a device, and a check whether it can run on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GET_WEIGHTS = "m2l-bench weights get "


@dataclass(frozen=True)
class Availability:
    """Whether something can run on this machine. It is true when it can.

    Attributes:
        reason: why it cannot run; empty if it can.
        command: the command that changes this.
    """

    reason: str = ""
    command: str = ""

    def __bool__(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        return f"{self.reason}: {self.command}"


class Adapter:
    """Base class of codecs, reconstructors and embeddings.

    An adapter is created with the options of its card and, as keyword arguments, the path of each weight file that the
    card lists. Every member of this class has a default.
    """

    version: str = "1"
    """Version of the adapter's numbers. Raise it when the same input begins to give other numbers: runs and cached
    vectors of another version are not continued."""
    weights_sha256: str = ""
    """SHA-256 of weights that the adapter finds by itself; the files that the card lists are hashed by the harness."""

    number_types: tuple[str, ...] = ()
    """Number types of weights and feature maps that the option `dtype` can choose from; empty: there is no such
    option. Inputs and outputs are float32 in any case."""

    @classmethod
    def availability(cls, **options: Any) -> Availability:
        """Tell, without creating the adapter, whether it can run on this machine with these options of its card."""
        return Availability()

    def to(self, device: str) -> None:
        """Move the networks to a torch device, for example "cpu" or "cuda:0"."""


def group_by_reason(states: Iterable[tuple[str, Availability]]) -> list[tuple[list[str], Availability]]:
    """Group the names of what cannot run on this machine by reason.

    A group has one command for all of its names where such a command exists.
    """
    groups: dict[tuple[str, str], list[tuple[str, Availability]]] = {}
    for name, state in states:
        command = state.command
        command = GET_WEIGHTS if command.startswith(GET_WEIGHTS) else command.replace(f" {name}=", " NAME=")
        groups.setdefault((state.reason, command), []).append((name, state))
    names_and_states = []
    for (reason, command), group in groups.items():
        if command == GET_WEIGHTS:
            command += " ".join(dict.fromkeys(state.command.removeprefix(GET_WEIGHTS) for _, state in group))
        elif len(group) == 1:
            command = group[0][1].command
        names_and_states.append(([name for name, _ in group], Availability(reason, command)))
    return names_and_states
