"""Import, check and create the adapter that a card names."""

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
from m2l_bench.systems.objects import ObjectCard
from m2l_bench.weights.locate import checked_sha256, find

BASES: dict[type[AdapterCard], tuple[type[Adapter], ...]] = {
    SystemCard: (Codec, Reconstructor),
    EmbeddingCard: (Embedding,),
}


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter that is ready to use.

    Attributes:
        adapter: the codec, reconstructor or embedding.
        hashes: the SHA-256 of each weight file that it was created with, by the name the card gives the file.
    """

    adapter: Any
    hashes: dict[str, str]

    @property
    def weights_sha256(self) -> str:
        """One SHA-256 of all the weights; empty if there are none."""
        return digest(self.hashes) if self.hashes else str(self.adapter.weights_sha256)


def adapter_class(card: AdapterCard) -> type[Adapter]:
    """Import the class that a card names; for an object in memory, its class.

    Raises:
        UserError: the class cannot be imported, or is not an adapter of the card's kind. The message names the card.
    """
    if isinstance(card, ObjectCard):
        return type(card.system)
    bases = next(bases for kind, bases in BASES.items() if isinstance(card, kind))
    adapter = import_named(card.adapter, EMBEDDINGS if isinstance(card, EmbeddingCard) else CODECS, card.path)
    if not (isinstance(adapter, type) and issubclass(adapter, bases)):
        names = " or ".join(f"m2l_bench.{base.__name__}" for base in bases)
        raise UserError(f"{card.path}: '{card.adapter}' is not an adapter: expected a class derived from {names}")
    return adapter


def adapter_availability(card: AdapterCard, weights_dir: Path | None = None) -> Availability:
    """Tell whether the adapter of a card can run on this machine, without creating it.

    Args:
        weights_dir: a folder of weight files to look in first; None: only the usual places.
    """
    if isinstance(card, ObjectCard):
        return Availability()
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
    """Create the adapter of a card from `options` and the path of each weight file.

    Args:
        options: keyword arguments of the adapter, usually `card.options`.
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Raises:
        UserError: a weight file is missing, damaged or not the one on the card; or the adapter cannot be imported or
            refuses the options.
    """
    if isinstance(card, ObjectCard):
        return LoadedAdapter(card.system, {})
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
