"""The one wrapper around every embedding: rate, channels, device, length, and vectors that are numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from m2l_bench.adapters import adapter_availability, make_adapter
from m2l_bench.audio import Audio, resample, to_mono
from m2l_bench.cards import EmbeddingCard
from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.metrics.frechet import Frames

if TYPE_CHECKING:
    from m2l_bench.embeddings.base import Embedding


Mono = NDArray[np.float32]
"""(samples,)"""


class EmbeddingRunner:
    """Turns audio of any rate and channel count into vectors.

    Args:
        embedding: an object with the verbs of `embeddings.base.Embedding`.
        identity: of code, options and weights: vectors of equal identity can be compared.
        device: a torch device.
    """

    def __init__(self, embedding: Embedding, identity: str, device: str = "cpu") -> None:
        self.embedding = embedding
        self.identity = identity
        self.device = device
        if hasattr(embedding, "to"):
            embedding.to(device)

    @property
    def dim(self) -> int:
        return self.embedding.dim

    @property
    def batch_size(self) -> int:
        """Clips of equal length at once; 1 for an embedding without a way to take several."""
        return getattr(self.embedding, "batch_size", 1) if hasattr(self.embedding, "embed_batch") else 1

    def embed(self, audio: Audio, sample_rate: int) -> Frames:
        """Vectors (frames, dim) float32 of (channels, samples), folded to mono and clipped to full scale.

        Raises:
            Undefined: the audio is shorter than the embedding's window.
            BadClip: the network gave NaN or infinity.
        """
        return self.embed_equal([self.prepare(audio, sample_rate)])[0]

    def prepare(self, audio: Audio, sample_rate: int) -> Mono:
        """(channels, samples) as the embedding hears it: (samples,) at its own rate.

        Raises:
            Undefined: the audio is shorter than the embedding's window.
        """
        seconds = audio.shape[1] / sample_rate
        if seconds < self.embedding.minimum_seconds:
            raise Undefined(f"{seconds:.2f} s, shorter than the window of {self.embedding.minimum_seconds:.2f} s")
        mono = resample(to_mono(np.clip(audio, -1.0, 1.0)), sample_rate, self.embedding.sample_rate)[0]
        return np.ascontiguousarray(mono)

    def embed_equal(self, clips: Sequence[Mono]) -> list[Frames]:
        """Vectors of one clip, or of several prepared clips of equal length in one pass.

        Raises:
            Undefined: too short for a vector.
            BadClip: the network gave NaN or infinity.
        """
        import torch

        batch = torch.from_numpy(np.stack(clips)).to(self.device)
        with torch.inference_mode():
            if len(clips) == 1:
                vectors = self.embedding.embed(batch[0])[None]
            else:
                vectors = self.embedding.embed_batch(batch)  # type: ignore[attr-defined]
        frames: Frames = vectors.float().cpu().numpy()
        if not frames.shape[1]:
            raise Undefined(f"{len(clips[0]) / self.embedding.sample_rate:.2f} s, too short for a vector")
        if not np.isfinite(frames).all():
            raise BadClip("the embedding gave NaN or infinite numbers")
        return list(frames)


def load_embedding(card: EmbeddingCard, *, device: str = "cpu", weights_dir: Path | None = None) -> EmbeddingRunner:
    """The embedding a card describes, ready to run.

    Raises:
        UserError: it is not available here, or a file of weights is damaged or of something else.
    """
    state = adapter_availability(card, weights_dir)
    if not state:
        raise UserError(f"{card.name}: {state.reason}: {state.command}")
    made = make_adapter(card, card.options, weights_dir)
    described = json.dumps([card.adapter, made.adapter.version, card.options, made.hashes], sort_keys=True)
    return EmbeddingRunner(made.adapter, hashlib.sha256(described.encode()).hexdigest(), device)
