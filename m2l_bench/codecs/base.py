"""Base classes of systems: a codec (audio to latents to audio), or a reconstructor without latents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from m2l_bench.adapter import Adapter
from m2l_bench.audio import Audio

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Transmitted(NamedTuple):
    """The size of latents when they are transmitted."""

    values: int
    """Number of values."""
    bits: int
    """Number of bits of all values together."""


class Codec(Adapter, ABC):
    """An autoencoder or coder. Everything but `sample_rate`, `channels`, `encode` and `decode` has a default.

    `CodecRunner` takes care of resampling, channels, chunks of long audio, length, device and seed.
    """

    sample_rate: int
    """Sample rate in Hz of the audio that it takes and gives."""
    channels: int
    """Channels of one encoded stream: 1 or 2."""
    deterministic: bool = True
    """Whether equal audio has equal latents. Equal latents and seeds must always give equal audio."""

    codebook_entries: int = 0
    """Number of entries of each codebook, where latents are (batch, codebooks, frames) indices of entries, from 0; the
    harness then counts how often each entry is used. 0: latents are no such codes."""

    even_frames: bool = True
    """Whether every frame of latents stands for the same number of samples, so that the latents of overlapping chunks
    can be cut and joined."""

    generator_per_item: bool = False
    """Whether `decode` takes a list with one generator for each item of the batch as `generator`; neighbouring items
    share one if they are of the same clip. A decoder without noise takes it too. If False, each clip is decoded by
    itself."""

    @abstractmethod
    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, channels, samples) float32 in [-1, 1] to latents (batch, dim, frames)."""

    @abstractmethod
    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents to (batch, channels, `samples` or more).

        Args:
            steps: denoising steps, for generative decoders.
            generator: source of noise, for generative decoders: one for the batch or, where `generator_per_item` is
                True, also one for each item.
        """

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, channels, samples) to features (batch, dim, frames), which Section 5.5 of the paper probes.

        A codec that does not override this method has no features; see `has_features`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no features")

    @classmethod
    def has_features(cls) -> bool:
        """Tell whether this class defines `features`."""
        return cls.features is not Codec.features

    def codes(self, latents: Tensor) -> Tensor:
        """Select the indices of entries of codebooks, (batch, codebooks, frames), from latents; by default all of them.

        It is only called where `codebook_entries` is not 0.
        """
        return latents

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the values of latents and their bits; by default all values, in the type that holds them."""
        return Transmitted(latents.numel(), latents.numel() * latents.element_size() * 8)


class Reconstructor(Adapter, ABC):
    """A system without latents: recordings of its output, or a listening-test anchor. It works at the clip's rate."""

    def sources(self, clip_id: str) -> list[Path]:
        """List the files, besides the original, that a clip's reconstruction is made from.

        When these files change, the reconstruction belongs to another run.
        """
        return []

    @abstractmethod
    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """Reconstruct (channels, samples) at `sample_rate`, at the same rate.

        Raises:
            MissingRecording: there is no recording of this clip.
            BadClip: the recording cannot be used.
        """
