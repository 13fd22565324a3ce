"""Finding, reading and checking of cards, and import of what they name."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from m2l_bench.cards.limited_yaml import ERRORS, read_yaml
from m2l_bench.cards.models import Card, EmbeddingCard, ProbeTaskCard, SystemCard, TaskCard
from m2l_bench.errors import UserError
from m2l_bench.shipped import shipped

LIKE = "like"
"""Key of a card that has all keys of another one in the same folder, except those that it states itself."""
OF_ONE_CARD = ("name", "title", "description", "paper_row", "recordings")
"""Keys that a card never takes from another one."""
CARD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
CardType = TypeVar("CardType", bound=Card)


@dataclass
class Cards:
    """All cards that were read, by name. Each method raises `UserError` for a name that does not exist."""

    systems: dict[str, SystemCard] = field(default_factory=dict)
    embeddings: dict[str, EmbeddingCard] = field(default_factory=dict)
    tasks: dict[str, TaskCard] = field(default_factory=dict)
    probes: dict[str, ProbeTaskCard] = field(default_factory=dict)

    def system(self, name: str) -> SystemCard:
        """Return the card of a system."""
        return pick(self.systems, name, "system", "m2l-bench models")

    @property
    def all_systems(self) -> list[SystemCard]:
        """The systems that `--models all` means."""
        return [card for card in self.systems.values() if not card.by_name_only]

    def embedding(self, name: str) -> EmbeddingCard:
        """Return the card of an embedding."""
        return pick(self.embeddings, name, "embedding", "m2l-bench weights list")

    def task(self, name: str) -> TaskCard:
        """Return the card of a reconstruction task."""
        if name in self.probes:
            raise UserError(f"'{name}' is a probing task: run `m2l-bench probe --task {name}`")
        return pick(self.tasks, name, "task", "m2l-bench tasks")

    def probe_task(self, name: str) -> ProbeTaskCard:
        """Return the card of a probing task."""
        if name in self.tasks:
            raise UserError(f"'{name}' is a reconstruction task: run `m2l-bench reconstruct --task {name}`")
        return pick(self.probes, name, "probing task", "m2l-bench tasks")

    def task_of_any_kind(self, name: str) -> TaskCard | ProbeTaskCard:
        """Return the card of a reconstruction task or a probing task."""
        return self.probes[name] if name in self.probes else pick(self.tasks, name, "task", "m2l-bench tasks")


def pick(cards: dict[str, CardType], name: str, what: str, command: str) -> CardType:
    """Return the card called `name`.

    Args:
        what: the kind of card, for the message.
        command: the command that lists such cards, for the message.

    Raises:
        UserError: there is none; the message gives the nearest name.
    """
    if name not in cards:
        near = difflib.get_close_matches(name, cards, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"`{command}` lists them."
        raise UserError(f"no {what} called '{name}': {hint}")
    return cards[name]


def load_cards(folders: Sequence[Path] = ()) -> Cards:
    """Read every card: the package's own, those of installed packages, then those in `folders`.

    Raises:
        UserError: a folder is missing, a card is invalid, or two cards share a name.
    """
    shipped_folders = (shipped("baselines"), shipped("baselines") / "embeddings", shipped("tasks"))
    paths = [path for folder in shipped_folders for path in _yaml_files(folder)]
    for point in entry_points(group="m2l_bench.cards"):
        paths += sorted(Path(str(entry)) for entry in files(point.value).iterdir() if _is_yaml(entry.name))
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--cards {folder}: no such folder")
        paths += _yaml_files(folder)
    cards = Cards()
    for path in paths:
        card = read_card(path)
        same_kind: dict[str, Any] = cards.systems
        other_tasks: dict[str, Any] = {}
        if isinstance(card, TaskCard):
            same_kind, other_tasks = cards.tasks, cards.probes
        elif isinstance(card, ProbeTaskCard):
            same_kind, other_tasks = cards.probes, cards.tasks
        elif isinstance(card, EmbeddingCard):
            same_kind = cards.embeddings
        namesake = same_kind.get(card.name) or other_tasks.get(card.name)
        if namesake:
            raise UserError(f"{path}: the name '{card.name}' is taken by {namesake.path}")
        same_kind[card.name] = card
    return cards


def read_card(path: Path) -> SystemCard | EmbeddingCard | TaskCard | ProbeTaskCard:
    """Read and validate one card.

    Raises:
        UserError: the file is not readable or a key is wrong. The message names the file and the key and, for a
            misspelt key, the nearest correct one.
    """
    content = _read_mapping(path)
    model: type[SystemCard | EmbeddingCard | TaskCard | ProbeTaskCard] = SystemCard
    if "dataset" in content:
        model = ProbeTaskCard if "probe" in content else TaskCard
    elif content.get("kind") == "embedding":
        model = EmbeddingCard
    return _validated(path, content, model)


def read_card_as(path: Path, model: type[CardType]) -> CardType:
    """Read and validate a card whose kind is known.

    Raises:
        UserError: as for `read_card`.
    """
    return _validated(path, _read_mapping(path), model)


def _read_mapping(path: Path) -> dict[str, Any]:
    """Read the keys of a card, with those of the card that it is like."""
    content = _read_content(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: a card is a mapping of keys to values")
    return _completed(path, content) if LIKE in content else content


def _validated(path: Path, content: dict[str, Any], model: type[CardType]) -> CardType:
    try:
        return model.model_validate({**content, "path": path})
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(_explain(model, e) for e in error.errors())) from error


def _read_content(path: Path) -> Any:
    """Read the content of a card.

    Raises:
        UserError: it is not readable.
    """
    try:
        return read_yaml(path)
    except ERRORS as error:
        raise UserError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error


def _completed(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Complete a card that names another one beside it with the keys that it does not state itself."""
    other = content[LIKE]
    place = path.with_name(f"{other}.yaml")
    if not isinstance(other, str) or not CARD_NAME.fullmatch(other) or not place.is_file():
        raise UserError(f"{path}: key '{LIKE}': there is no card '{other}' beside it")
    base = _read_content(place)
    if not isinstance(base, dict) or LIKE in base:
        raise UserError(f"{path}: key '{LIKE}': the card '{other}' is itself not complete")
    shared = {key: value for key, value in base.items() if key not in OF_ONE_CARD}
    return shared | {key: value for key, value in content.items() if key != LIKE}


def _explain(model: type[BaseModel], error: Any) -> str:
    """Word one of pydantic's errors for a reader who knows the card but not pydantic."""
    *parents, key = error["loc"] or ("",)
    for parent in parents:
        annotation = model.model_fields[parent].annotation if parent in model.model_fields else None
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
    full_key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known_keys = [name for name in model.model_fields if name != "path"]
        near = difflib.get_close_matches(str(key), known_keys, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known_keys)}"
        return f"unknown key '{full_key}': {hint}"
    if error["type"] == "missing":
        return f"key '{full_key}' is missing"
    return f"key '{full_key}': {error['msg']}, got {error['input']!r}"


def _is_yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_yaml(path.name))


def import_named(name: str, shipped_paths: Mapping[str, str], path: Path) -> Any:
    """Import what a card names: by a short name, or as `package.module:attribute`.

    Modules beside the card and in the current folder are found as well.

    Args:
        shipped_paths: the path for each short name.
        path: the card's file, for the message.

    Raises:
        UserError: there is no such short name, module or attribute. The message names the card.
    """
    spec = shipped_paths.get(name, name)
    module, colon, attribute = spec.partition(":")
    if not colon:
        near = difflib.get_close_matches(name, shipped_paths, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(shipped_paths)}"
        raise UserError(f"{path}: no '{name}': {hint}, or give a path like package.module:Class")
    if name not in shipped_paths:
        folders = (str(folder.resolve()) for folder in (path.parent, Path()))
        sys.path += [folder for folder in folders if folder not in sys.path]  # last: they hide no installed package
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{path}: cannot import '{spec}' ({error})") from error
