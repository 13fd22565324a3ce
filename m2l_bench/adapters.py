"""From a card to its adapter: whether it can run here, and the call with its options and its files of weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.cards import AdapterCard, import_attribute
from m2l_bench.errors import UserError
from m2l_bench.weights import checked_sha256, find

GET_WEIGHTS = "m2l-bench weights get "


@dataclass(frozen=True)
class Availability:
    """Whether something can run here; if not, why, and the command that changes it."""

    reason: str = ""
    command: str = ""

    def __bool__(self) -> bool:
        return not self.reason


def together(states: Iterable[tuple[str, Availability]]) -> list[tuple[list[str], Availability]]:
    """Things that cannot run here for the same reason, with the one command for all of them where there is one."""
    groups: dict[tuple[str, str], list[tuple[str, Availability]]] = {}
    for name, state in states:
        shared = GET_WEIGHTS if state.command.startswith(GET_WEIGHTS) else state.command.replace(f" {name}=", " NAME=")
        groups.setdefault((state.reason, shared), []).append((name, state))
    found = []
    for (reason, command), group in groups.items():
        if command == GET_WEIGHTS:
            command += " ".join(dict.fromkeys(state.command.removeprefix(GET_WEIGHTS) for _, state in group))
        elif len(group) == 1:
            command = group[0][1].command
        found.append(([name for name, _ in group], Availability(reason, command)))
    return found


@dataclass(frozen=True)
class Made:
    """An adapter, and the SHA-256 of each file of weights it was made with."""

    adapter: Any
    hashes: dict[str, str]

    @property
    def weights_sha256(self) -> str:
        """One hash of all the files; empty if there are none."""
        described = json.dumps(self.hashes, sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest() if self.hashes else ""


def adapter_availability(card: AdapterCard, weights_dir: Path | None = None) -> Availability:
    """Check without making the adapter; its static method `unavailable(**options)` may say why not and what to do."""
    try:
        adapter = import_attribute(card.adapter, card.path)
    except UserError as error:
        return Availability(str(error), "install the package that the card's adapter belongs to")
    if hasattr(adapter, "unavailable"):
        state = Availability(*adapter.unavailable(**card.options))
        if not state:
            return state
    if any(find(file, weights_dir) is None for file in card.weights.values()):
        return Availability("its weights are not on this machine", GET_WEIGHTS + card.name)
    return Availability()


def make_adapter(card: AdapterCard, options: dict[str, Any], weights_dir: Path | None = None) -> Made:
    """Call the adapter with `options`, and by name with the path of each file of weights.

    Raises:
        UserError: a file of weights is missing, damaged or of something else, or the adapter cannot be imported or
            refuses the options.
    """
    paths: dict[str, Path] = {}
    hashes: dict[str, str] = {}
    for name, file in card.weights.items():
        path = find(file, weights_dir)
        if path is None:
            raise UserError(f"{card.name}: {file.name} is not on this machine: {GET_WEIGHTS}{card.name}")
        paths[name], hashes[name] = path, checked_sha256(file, path)
    factory = import_attribute(card.adapter, card.path)
    try:
        return Made(factory(**options, **paths), hashes)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f"{card.path}: the adapter refuses the card's options ({error})") from error
