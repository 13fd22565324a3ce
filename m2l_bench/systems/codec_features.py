"""The encoder features of a codec as an embedding, as Section 5.5 of the paper probes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.cards import SystemCard
from m2l_bench.cards.former_names import CODECS as FORMER_CODECS
from m2l_bench.digests import digest
from m2l_bench.embeddings.base import Embedding
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.errors import UserError
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.systems.loading import load_runner

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.codecs.base import Codec


class CodecFeatures(Embedding):
    """The features of a codec as an embedding. A codec of two channels gets the mono audio on both."""

    version = "1"
    minimum_seconds = 0.0

    def __init__(self, codec: Codec, batch_size: int = 1) -> None:
        import torch

        self.codec = codec
        self.batch_size = batch_size
        self.sample_rate = codec.sample_rate
        # No codec states the width of its features, so it is measured on a second of silence.
        self.dim = self.embed(torch.zeros(self.sample_rate)).shape[1]

    def to(self, device: str) -> None:
        self.codec.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (frames, dim)."""
        return self.embed_batch(audio[None])[0]

    def embed_batch(self, audio: Tensor) -> Tensor:
        """Map (batch, samples) to (batch, frames, dim)."""
        return self.codec.features(audio[:, None].repeat(1, self.codec.channels, 1)).transpose(1, 2)


def load_codec_features(card: SystemCard, *, device: str = "cpu", weights_dir: Path | None = None) -> EmbeddingRunner:
    """Load the codec that a card describes as an embedding of its features.

    Args:
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Raises:
        UserError: the codec is not available on this machine, or has no features.
    """
    runner = load_runner(card, device=device, weights_dir=weights_dir)
    if not runner.codec.has_features():
        raise UserError(f"{card.name} has no encoder features to probe")
    versions = [runner.codec.version, CodecFeatures.version]
    identity = digest([card.adapter, versions, card.options, runner.weights_sha256])
    former = ""
    if versions == ["1", "1"]:
        former_name = FORMER_CODECS.get(card.adapter, card.adapter)
        former = digest([former_name, "1", card.options, runner.weights_sha256])
    batch_size = card.gpu_batch_size if is_gpu(device) else card.batch_size
    return EmbeddingRunner(CodecFeatures(runner.codec, batch_size), identity, device, former)
