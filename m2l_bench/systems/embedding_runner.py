"""The wrapper around every embedding: sample rate, channels, device, length, and a check of the vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, resample, resample_blocks, to_mono
from m2l_bench.cards import EmbeddingCard
from m2l_bench.cards.former_names import EMBEDDINGS as FORMER_EMBEDDINGS
from m2l_bench.digests import digest
from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.metrics.frechet import Frames
from m2l_bench.runs.files import explain_write_errors
from m2l_bench.systems.adapters import adapter_availability, load_adapter

if TYPE_CHECKING:
    from m2l_bench.embeddings.base import Blocks, Embedding


Mono = NDArray[np.float32]
"""Audio of one channel, (samples,)."""


class EmbeddingRunner:
    """An embedding that takes audio of any sample rate and number of channels.

    Args:
        embedding: the embedding to run.
        identity: digest of name, version, options and weights: vectors of equal identity can be compared.
        device: a torch device, for example "cpu" or "cuda:0".
        former_identity: the identity that version 0.1 gave the same vectors; empty: it had none.
    """

    def __init__(self, embedding: Embedding, identity: str, device: str = "cpu", former_identity: str = "") -> None:
        self.embedding = embedding
        self.identity = identity
        self.device = device
        self.former_identity = former_identity
        self.batch_size = embedding.batch_size
        """Clips of equal length that are embedded at once."""
        embedding.to(device)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.embedding.dim

    def store(self, parent: Path, name: str) -> Path:
        """Name the folder below `parent` for this embedding's vectors; a folder of version 0.1 is renamed to it.

        Args:
            name: the embedding's name, which makes the folder easy to recognise.

        Raises:
            UserError: the folder of version 0.1 cannot be renamed.
        """
        store = parent / f"{name}-{self.identity[:12]}"
        former = parent / f"{name}-{self.former_identity[:12]}"
        if self.former_identity and not store.exists() and former.is_dir():
            with explain_write_errors(parent):
                former.replace(store)
        return store

    def embed(self, audio: Audio, sample_rate: int) -> Frames:
        """Compute the vectors (frames, dim) float32 of (channels, samples), clipped to full scale and mixed to mono.

        Where each channel has vectors of its own, they are those of the first channel, then those of the next.

        Raises:
            Undefined: the audio is shorter than the embedding's window.
            BadClip: the network gave NaN or infinity.
        """
        self._check_length(audio.shape[1] / sample_rate)
        channels = resample(self._channels(audio), sample_rate, self.embedding.sample_rate)
        return np.concatenate([self.embed_equal([channel])[0] for channel in channels])

    def embed_blocks(self, audio: Iterable[Audio], sample_rate: int) -> Frames:
        """Compute what `embed` gives of a clip from its blocks (channels, samples).

        Memory does not grow with the length, except for the vectors, where the embedding says how to cut long audio.

        Raises:
            Undefined: the audio is shorter than the embedding's window.
            BadClip: the network gave NaN or infinity.
        """
        samples = 0

        def channels() -> Iterator[Audio]:
            nonlocal samples
            for block in audio:
                samples += block.shape[1]
                yield self._channels(block)

        resampled = resample_blocks(channels(), sample_rate, self.embedding.sample_rate)
        frames: list[list[Frames]] = []
        for piece, left_out in _pieces(resampled, self.embedding.blocks):
            if not frames:  # shorter than a block, or long enough
                self._check_length(samples / sample_rate)
            frames.append([self.embed_equal([channel])[0][left_out:] for channel in piece])
        return np.concatenate([part for parts in zip(*frames, strict=True) for part in parts])

    def prepare(self, audio: Audio, sample_rate: int) -> Mono:
        """Convert (channels, samples) to the embedding's input: mono (samples,) at its own sample rate.

        Raises:
            Undefined: the audio is shorter than the embedding's window.
        """
        self._check_length(audio.shape[1] / sample_rate)
        mono = resample(to_mono(np.clip(audio, -1.0, 1.0)), sample_rate, self.embedding.sample_rate)[0]
        return np.ascontiguousarray(mono)

    def _channels(self, audio: Audio) -> Audio:
        """Clip (channels, samples) to full scale, and mix them to (1, samples) where the embedding takes the mix."""
        clipped = np.clip(audio, -1.0, 1.0)
        return clipped if self.embedding.channels == "each" else to_mono(clipped)

    def _check_length(self, seconds: float) -> None:
        if seconds < self.embedding.minimum_seconds:
            raise Undefined(f"{seconds:.2f} s, shorter than the window of {self.embedding.minimum_seconds:.2f} s")

    def embed_equal(self, clips: Sequence[Mono]) -> list[Frames]:
        """Compute the vectors of one or several prepared clips of equal length, in one pass.

        Raises:
            Undefined: the clips are too short for a vector.
            BadClip: the network gave NaN or infinity.
        """
        import torch

        batch = torch.from_numpy(np.stack(clips)).to(self.device)
        with torch.inference_mode():
            if len(clips) == 1:
                vectors = self.embedding.embed(batch[0])[None]
            else:
                vectors = self.embedding.embed_batch(batch)
        frames: Frames = vectors.float().cpu().numpy()
        if not frames.shape[1]:
            raise Undefined(f"{len(clips[0]) / self.embedding.sample_rate:.2f} s, too short for a vector")
        if not np.isfinite(frames).all():
            raise BadClip("the embedding gave NaN or infinite numbers")
        return list(frames)


def _pieces(audio: Iterable[Audio], blocks: Blocks | None) -> Iterator[tuple[Audio, int]]:
    """Cut audio, which comes in parts of any length, into blocks, each with the number of its vectors to leave out.

    If `blocks` is None, the whole audio is one block.
    """
    parts: list[Audio] = []
    length = context = left_out = 0
    is_cut = False
    for part in audio:
        parts.append(part)
        length += part.shape[1]
        while blocks is not None and length >= (end := context + blocks.step + blocks.overhang):
            buffer = np.concatenate(parts, axis=1)
            yield buffer[:, :end], left_out
            parts = [buffer[:, context + blocks.step - blocks.context :]]
            length = parts[0].shape[1]
            context, left_out, is_cut = blocks.context, blocks.context_vectors, True
    if blocks is None or not is_cut or length - context >= blocks.least:
        yield np.concatenate(parts, axis=1), left_out


def load_embedding(card: EmbeddingCard, *, device: str = "cpu", weights_dir: Path | None = None) -> EmbeddingRunner:
    """Load the embedding that a card describes.

    Args:
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first; None: only the usual places.

    Raises:
        UserError: it is not available on this machine, or a weight file is damaged or not the one on the card.

    Example:
        >>> load_embedding(load_cards().embedding("musicnn")).embed(np.zeros((1, 48_000), np.float32), 16_000).shape
        (1, 200)
    """
    state = adapter_availability(card, weights_dir)
    if not state:
        raise UserError(f"{card.name}: {state}")
    loaded = load_adapter(card, card.options, weights_dir)
    identity, former = (
        digest([name, loaded.adapter.version, card.options, loaded.hashes])
        for name in (card.adapter, FORMER_EMBEDDINGS.get(card.adapter, card.adapter))
    )
    return EmbeddingRunner(loaded.adapter, identity, device, former)
