"""Loading of systems: from a card, or its name, to something that reconstructs clips."""

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
    """Tell whether a system can run on this machine, without creating its adapter.

    Args:
        card: the system's card.
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Returns:
        A value that is true if the system can run; otherwise it states the reason and the command that helps.

    Example:
        >>> bool(availability(load_cards().system("lowpass-7k")))
        True
    """
    if card.adapter != RECORDED:
        return adapter_availability(card, weights_dir)
    directory = card.options.get("directory")
    if directory is None:
        return Availability(
            "needs existing reconstructions",
            f"m2l-bench reconstruct --task folder --data ORIGINALS --recorded {card.name}=DIR",
        )
    if not (card.path.parent / directory).is_dir():
        return Availability(f"no such folder: {directory}", "correct `directory` in the card")
    return Availability()


def recorded_card(cards: Cards, name: str, directory: Path, wrong_rate_label: bool = False) -> SystemCard:
    """Make a card for reconstructions of the system `name` that are in `directory`.

    When a card of that name exists, the new card keeps its title, its row in the paper and its way of reading files.

    Args:
        cards: all cards, to look the name up.
        name: the system's name.
        directory: the folder of reconstructions, named like the clips.
        wrong_rate_label: whether the files state a wrong sample rate; their samples are then taken as being at the
            original's rate.

    Raises:
        UserError: there is no such folder, or the name is not allowed.

    Example:
        >>> recorded_card(load_cards(), "latmusic", Path(".")).title
        'LatMusic'
    """
    if not directory.is_dir():
        raise UserError(f"--recorded {name}={directory}: no such folder")
    system_card = cards.systems.get(name)
    content = system_card.model_dump() if system_card else {"name": name, "title": name, "kind": "neural"}
    sample_rate = system_card.recordings.sample_rate if system_card else "label"
    if wrong_rate_label:
        sample_rate = "reference"
    content |= {
        "adapter": RECORDED,
        "options": {"directory": str(directory.resolve()), "sample_rate": sample_rate},
        "weights": {},
        "steps": None,
        "path": system_card.path if system_card else Path(),
    }
    try:
        return SystemCard.model_validate(content)
    except ValueError as error:
        raise UserError(f"--recorded {name}=DIR: a name may hold only letters, digits and . _ + -") from error


def load_system(
    card: SystemCard, *, steps: int | None, seed: int, device: str, weights_dir: Path | None = None
) -> CodecRunner | Reconstructor:
    """Load the system that a card describes, ready to reconstruct clips.

    Args:
        card: the system's card.
        steps: denoising steps; None: one.
        seed: seed of a generative decoder's noise.
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Returns:
        A codec in its wrapper, or a `Reconstructor` for a system without latents.

    Raises:
        UserError: the adapter cannot be imported or refuses the card's options, or a weight file is missing or
            unusable.

    Example:
        >>> load_system(load_cards().system("lowpass-7k"), steps=None, seed=0, device="cpu").cutoff_hz
        7000
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
        gpu_batch_size=card.gpu_batch_size,
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
    """Load a codec by the name of its card, in the wrapper that handles sample rate, channels and length.

    Args:
        name: a name that `m2l-bench models` lists.
        seed: seed of a generative decoder's noise.
        device: a torch device, for example "cpu" or "cuda:0".
        steps: denoising steps; None: the number on the card.
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Raises:
        UserError: there is no such card, the codec is not available on this machine, or the system has no latents
            (recordings and anchors).

    Example:
        >>> load_codec("opus-24k").reconstruct("silence", np.zeros((2, 48_000), np.float32), 48_000).audio.shape
        (2, 48000)
    """
    return load_runner(load_cards().system(name), seed=seed, device=device, steps=steps, weights_dir=weights_dir)


def load_runner(
    card: SystemCard, *, seed: int = 0, device: str = "cpu", steps: int | None = None, weights_dir: Path | None = None
) -> CodecRunner:
    """Load the codec that a card describes, in the wrapper that handles sample rate, channels and length.

    Args:
        card: the codec's card.
        seed: seed of a generative decoder's noise.
        device: a torch device, for example "cpu" or "cuda:0".
        steps: denoising steps; None: the number on the card.
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Raises:
        UserError: the codec is not available on this machine, or the system has no latents (recordings and anchors).

    Example:
        >>> load_runner(load_cards().system("opus-24k")).codec.sample_rate
        48000
    """
    state = availability(card, weights_dir)
    if not state:
        raise UserError(f"{card.name}: {state}")
    system = load_system(card, steps=steps or card.steps, seed=seed, device=device, weights_dir=weights_dir)
    if not isinstance(system, CodecRunner):
        raise UserError(f"{card.name} has no encoder and decoder to load")
    return system


def system_versions(card: SystemCard) -> dict[str, str]:
    """List the versions of the code that reconstructs with this card, for the run's key.

    Raises:
        UserError: the adapter cannot be imported.
    """
    return {"adapter": adapter_class(card).version, "runner": CodecRunner.version}
