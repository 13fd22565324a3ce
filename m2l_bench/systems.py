"""From a card to something that reconstructs clips, and whether that is possible on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.cards import Cards, SystemCard, import_attribute, load_cards
from m2l_bench.codec_runner import CodecRunner
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.errors import UserError

RECORDED = "m2l_bench.codecs.recorded:Recorded"


@dataclass(frozen=True)
class Availability:
    """Whether a system can run here; if not, why, and the command that changes it."""

    reason: str = ""
    command: str = ""

    def __bool__(self) -> bool:
        return not self.reason


def availability(card: SystemCard) -> Availability:
    """Check without making the adapter; its static method `unavailable(**options)` may say why not
    and what to do."""
    if card.adapter == RECORDED:
        directory = card.options.get("directory")
        if directory is None:
            return Availability(
                "needs reconstructions made elsewhere",
                f"m2l-bench reconstruct --task folder --data ORIGINALS --recorded {card.name}=DIR",
            )
        if not (card.path.parent / directory).is_dir():
            return Availability(f"no such folder: {directory}", "correct `directory` in the card")
        return Availability()
    try:
        adapter = import_attribute(card.adapter, card.path)
    except UserError as error:
        return Availability(str(error), "install the package that the card's adapter belongs to")
    return Availability(*adapter.unavailable(**card.options)) if hasattr(adapter, "unavailable") else Availability()


def recorded_card(cards: Cards, name: str, directory: Path, wrong_rate_label: bool = False) -> SystemCard:
    """A card for reconstructions of system `name` that lie in `directory`.

    When a card of that name exists, its title, paper row and way of reading the files are kept.

    Raises:
        UserError: no such folder, or a name that cannot be a folder's.
    """
    if not directory.is_dir():
        raise UserError(f"--recorded {name}={directory}: no such folder")
    known = cards.systems.get(name)
    content = known.model_dump() if known else {"name": name, "title": name, "kind": "neural"}
    sample_rate = "reference" if wrong_rate_label else known.recordings.sample_rate if known else "label"
    content |= {
        "adapter": RECORDED,
        "options": {"directory": str(directory.resolve()), "sample_rate": sample_rate},
        "steps": None,
        "path": known.path if known else Path(),
    }
    try:
        return SystemCard.model_validate(content)
    except ValueError as error:
        raise UserError(f"--recorded {name}=DIR: a name is letters, digits and . _ + -") from error


def load_system(card: SystemCard, *, steps: int | None, seed: int, device: str) -> CodecRunner | Reconstructor:
    """The system a card describes, ready to reconstruct.

    Raises:
        UserError: its adapter cannot be imported or refuses the card's options.
    """
    adapter = _make_adapter(card)
    if isinstance(adapter, Reconstructor):
        return adapter
    return CodecRunner(
        adapter,
        steps=steps or 1,
        seed=seed,
        device=device,
        chunk_seconds=card.chunk_seconds,
        overlap_seconds=card.overlap_seconds,
        batch_size=card.batch_size,
    )


def load_codec(name: str, *, seed: int = 0, device: str = "cpu", steps: int | None = None) -> CodecRunner:
    """A codec by the name of its card, in the wrapper that handles rate, channels and length.

    Raises:
        UserError: no such card, it is not available here, or it has no latents (recordings and anchors).
    """
    card = load_cards().system(name)
    state = availability(card)
    if not state:
        raise UserError(f"{name}: {state.reason}: {state.command}")
    system = load_system(card, steps=steps or card.steps, seed=seed, device=device)
    if not isinstance(system, CodecRunner):
        raise UserError(f"{name} has no encoder and decoder to load")
    return system


def _make_adapter(card: SystemCard) -> Any:
    options = dict(card.options)
    if card.adapter == RECORDED and "directory" in options:
        options["directory"] = card.path.parent / options["directory"]
    factory = import_attribute(card.adapter, card.path)
    try:
        return factory(**options)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f"{card.path}: the adapter refuses the card's options ({error})") from error
