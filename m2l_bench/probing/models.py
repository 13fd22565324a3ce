"""Models that can be probed: embeddings, and codecs whose encoders compute features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.adapter import Availability
from m2l_bench.cards import Cards, EmbeddingCard, SystemCard
from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError
from m2l_bench.systems.adapters import adapter_availability, adapter_class
from m2l_bench.systems.codec_features import load_codec_features
from m2l_bench.systems.embedding_runner import EmbeddingRunner, load_embedding
from m2l_bench.systems.loading import availability
from m2l_bench.systems.precision import in_precision


@dataclass(frozen=True)
class Model:
    """A card whose features can be probed."""

    card: EmbeddingCard | SystemCard

    def in_precision(self, precision: str, devices: Sequence[str]) -> Model:
        """Return this model in a number type, where its adapter offers a choice; see `systems.precision`.

        Raises:
            UserError: the adapter cannot be imported.
        """
        return self if isinstance(self.card, EmbeddingCard) else Model(in_precision(self.card, precision, devices))

    @property
    def name(self) -> str:
        return self.card.name

    def availability(self, weights_dir: Path | None) -> Availability:
        """Whether the model can run here, found out without loading it."""
        if isinstance(self.card, EmbeddingCard):
            return adapter_availability(self.card, weights_dir)
        if not _has_features(self.card):
            return Availability("its encoder is not part of this package", "name a codec whose adapter has `features`")
        return availability(self.card, weights_dir)

    def load(self, device: str, weights_dir: Path | None) -> EmbeddingRunner:
        """Load the model.

        Raises:
            UserError: the model is not available, or its weights are damaged.
        """
        if isinstance(self.card, EmbeddingCard):
            return load_embedding(self.card, device=device, weights_dir=weights_dir)
        return load_codec_features(self.card, device=device, weights_dir=weights_dir)


def models_to_probe(cards: Cards, names: Sequence[str]) -> list[Model]:
    """Find the models of these names; without names, all embeddings and all neural codecs with features.

    Variants of an embedding with other windows, channels or layers are only probed by name.

    Where an embedding and a system have the same name, it means the embedding.

    Raises:
        UserError: there is no such model.
    """
    systems = {name: card for name, card in cards.systems.items() if name not in cards.embeddings}
    if not names:
        codecs = [card for card in systems.values() if card.kind == "neural" and _has_features(card)]
        embeddings = [card for card in cards.embeddings.values() if not card.variant_of]
        return [Model(card) for card in embeddings] + [Model(card) for card in codecs]
    return [Model(systems[name] if name in systems else cards.embedding(name)) for name in names]


def _has_features(card: SystemCard) -> bool:
    try:
        adapter = adapter_class(card)
        return issubclass(adapter, Codec) and adapter.has_features()
    except UserError:
        return True  # its availability says what is wrong
