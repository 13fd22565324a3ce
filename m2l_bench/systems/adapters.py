"""From a card to its adapter: the class, whether it can run here, and one made with its options and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.adapter import GET_WEIGHTS, Adapter, Availability
from m2l_bench.cards import AdapterCard, EmbeddingCard, SystemCard, import_named
from m2l_bench.codecs import ADAPTERS as CODECS
from m2l_bench.codecs.base import Codec, Reconstructor
from m2l_bench.digests import digest
from m2l_bench.embeddings import ADAPTERS as EMBEDDINGS
from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError
from m2l_bench.weights.locate import checked_sha256, find

BASES: dict[type[AdapterCard], tuple[type[Adapter], ...]] = {
    SystemCard: (Codec, Reconstructor),
    EmbeddingCard: (Embedding,),
}


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter, and the SHA-256 of each file of weights it was made with."""

    adapter: Any
    hashes: dict[str, str]

    @property
    def weights_sha256(self) -> str:
        """One hash of all the weights; empty if there are none."""
        return digest(self.hashes) if self.hashes else str(self.adapter.weights_sha256)


def adapter_class(card: AdapterCard) -> type[Adapter]:
    """Import the class that a card names.

    Raises:
        UserError: it is not there, or not an adapter of the card's kind; names the card.
    """
    bases = next(bases for kind, bases in BASES.items() if isinstance(card, kind))
    named = import_named(card.adapter, EMBEDDINGS if isinstance(card, EmbeddingCard) else CODECS, card.path)
    if not (isinstance(named, type) and issubclass(named, bases)):
        names = " or ".join(f"m2l_bench.{base.__name__}" for base in bases)
        raise UserError(f"{card.path}: '{card.adapter}' is not an adapter: expected a class derived from {names}")
    return named


def adapter_availability(card: AdapterCard, weights_dir: Path | None = None) -> Availability:
    """Check without making the adapter."""
    try:
        state = adapter_class(card).availability(**card.options)
    except UserError as error:
        return Availability(str(error), "correct the card, or install the package that its adapter belongs to")
    except TypeError as error:
        return Availability(f"{card.path}: the adapter refuses the card's options ({error})", "correct the card")
    if state and any(find(file, weights_dir) is None for file in card.weights.values()):
        return Availability("its weights are not on this machine", GET_WEIGHTS + card.name)
    return state


def load_adapter(card: AdapterCard, options: dict[str, Any], weights_dir: Path | None = None) -> LoadedAdapter:
    """Make the adapter with `options`, and by name with the path of each file of weights.

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
    adapter = adapter_class(card)
    try:
        return LoadedAdapter(adapter(**options, **paths), hashes)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f"{card.path}: the adapter refuses the card's options ({error})") from error
