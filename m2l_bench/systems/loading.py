"""From a card to something that reconstructs clips, and whether that is possible on this machine."""

from __future__ import annotations

from pathlib import Path

from m2l_bench.adapter import Availability
from m2l_bench.cards import Cards, SystemCard, load_cards
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.errors import UserError
from m2l_bench.systems.adapters import adapter_availability, adapter_class, load_adapter
from m2l_bench.systems.codec_runner import CodecRunner

RECORDED = "recorded"


def availability(card: SystemCard, weights_dir: Path | None = None) -> Availability:
    """Check without making the adapter."""
    if card.adapter != RECORDED:
        return adapter_availability(card, weights_dir)
    directory = card.options.get("directory")
    if directory is None:
        return Availability(
            "needs reconstructions made elsewhere",
            f"m2l-bench reconstruct --task folder --data ORIGINALS --recorded {card.name}=DIR",
        )
    if not (card.path.parent / directory).is_dir():
        return Availability(f"no such folder: {directory}", "correct `directory` in the card")
    return Availability()


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
        "weights": {},
        "steps": None,
        "path": known.path if known else Path(),
    }
    try:
        return SystemCard.model_validate(content)
    except ValueError as error:
        raise UserError(f"--recorded {name}=DIR: a name is letters, digits and . _ + -") from error


def load_system(
    card: SystemCard, *, steps: int | None, seed: int, device: str, weights_dir: Path | None = None
) -> CodecRunner | Reconstructor:
    """The system a card describes, ready to reconstruct.

    Raises:
        UserError: its adapter cannot be imported or refuses the card's options, or a file of weights is missing or
            unusable.
    """
    options = dict(card.options)
    if card.adapter == RECORDED and "directory" in options:
        options["directory"] = card.path.parent / options["directory"]
    loaded = load_adapter(card, options, weights_dir)
    if isinstance(loaded.adapter, Reconstructor):
        return loaded.adapter
    return CodecRunner(
        loaded.adapter,
        steps=steps or 1,
        seed=seed,
        device=device,
        chunk_seconds=card.chunk_seconds,
        overlap_seconds=card.overlap_seconds,
        batch_size=card.batch_size,
        weights_sha256=loaded.weights_sha256,
    )


def load_codec(
    name: str,
    *,
    seed: int = 0,
    device: str = "cpu",
    steps: int | None = None,
    weights_dir: Path | None = None,
) -> CodecRunner:
    """A codec by the name of its card, in the wrapper that handles rate, channels and length.

    Raises:
        UserError: no such card, it is not available here, or it has no latents (recordings and anchors).
    """
    return load_runner(load_cards().system(name), seed=seed, device=device, steps=steps, weights_dir=weights_dir)


def load_runner(
    card: SystemCard, *, seed: int = 0, device: str = "cpu", steps: int | None = None, weights_dir: Path | None = None
) -> CodecRunner:
    """The codec a card describes.

    Raises:
        UserError: it is not available here, or it has no latents (recordings and anchors).
    """
    state = availability(card, weights_dir)
    if not state:
        raise UserError(f"{card.name}: {state}")
    system = load_system(card, steps=steps or card.steps, seed=seed, device=device, weights_dir=weights_dir)
    if not isinstance(system, CodecRunner):
        raise UserError(f"{card.name} has no encoder and decoder to load")
    return system


def system_versions(card: SystemCard) -> dict[str, str]:
    """Versions of what reconstructs with this card, for the run's key.

    Raises:
        UserError: its adapter cannot be imported.
    """
    return {"adapter": adapter_class(card).version, "runner": CodecRunner.version}
