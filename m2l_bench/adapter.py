"""What every adapter has: a version, weights, a device, and an answer to whether it can run on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GET_WEIGHTS = "m2l-bench weights get "


@dataclass(frozen=True)
class Availability:
    """Whether something can run here; if not, why, and the command that changes it."""

    reason: str = ""
    command: str = ""

    def __bool__(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        return f"{self.reason}: {self.command}"


class Adapter:
    """Base of codecs, of makers of reconstructions, and of embeddings.

    An adapter is made with the options of its card and, by name, with the path of each file of weights that the card
    lists. Everything here has a default.
    """

    version: str = "1"
    """Raise it when the same input begins to give other numbers: runs and cached vectors of another version are not
    continued."""
    weights_sha256: str = ""
    """Of weights that the adapter finds by itself; those that the card lists are hashed for it."""

    @classmethod
    def availability(cls, **options: Any) -> Availability:
        """Tell, without making the adapter, whether it can run here with these options of its card."""
        return Availability()

    def to(self, device: str) -> None:
        """Move networks to a torch device, for example "cpu" or "cuda:0"."""


def group_by_reason(states: Iterable[tuple[str, Availability]]) -> list[tuple[list[str], Availability]]:
    """Group the names of what cannot run here by reason, with one command for a whole group where there is one."""
    groups: dict[tuple[str, str], list[tuple[str, Availability]]] = {}
    for name, state in states:
        shared = GET_WEIGHTS if state.command.startswith(GET_WEIGHTS) else state.command.replace(f" {name}=", " NAME=")
        groups.setdefault((state.reason, shared), []).append((name, state))
    grouped = []
    for (reason, command), group in groups.items():
        if command == GET_WEIGHTS:
            command += " ".join(dict.fromkeys(state.command.removeprefix(GET_WEIGHTS) for _, state in group))
        elif len(group) == 1:
            command = group[0][1].command
        grouped.append(([name for name, _ in group], Availability(reason, command)))
    return grouped
