"""What a system's adapter is: a codec (audio -> latents -> audio), or a maker of reconstructions without latents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from m2l_bench.adapter import Adapter
from m2l_bench.audio import Audio

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Transmitted(NamedTuple):
    """What latents would take on a wire."""

    values: int
    bits: int


class Codec(Adapter, ABC):
    """An autoencoder or coder. Only `sample_rate`, `channels`, `encode` and `decode` have no default.

    Resampling, channels, chunks of long audio, length, device and seed are the work of `CodecRunner`.
    """

    sample_rate: int
    """Hz of the audio that it takes and gives."""
    channels: int
    """Channels of one encoded stream: 1 or 2."""
    deterministic: bool = True
    """Whether equal audio has equal latents. Equal latents and seeds always have equal audio."""

    @abstractmethod
    def encode(self, audio: Tensor) -> Tensor:
        """(batch, channels, samples) float32 in [-1, 1] -> latents (batch, dim, frames)."""

    @abstractmethod
    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Latents -> (batch, channels, samples or more); `steps` and `generator` are for generative decoders."""

    def features(self, audio: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, dim, frames): what Section 5.5 of the paper probes.

        A codec that does not define them has none: see `has_features`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no features")

    @classmethod
    def has_features(cls) -> bool:
        """Whether this class defines `features`."""
        return cls.features is not Codec.features

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the numbers of latents and their bits; by default all of them, in the type that holds them."""
        return Transmitted(latents.numel(), latents.numel() * latents.element_size() * 8)


class Reconstructor(Adapter, ABC):
    """A system without latents: files made elsewhere, or a listening-test anchor. It works at the clip's own rate."""

    def sources(self, clip_id: str) -> list[Path]:
        """Files beside the original that a clip's reconstruction is made from: when they change, it is another run."""
        return []

    @abstractmethod
    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """(channels, samples) at `sample_rate` -> the reconstruction at the same rate.

        Raises:
            MissingRecording: there is none for this clip.
            BadClip: there is one, but it cannot be used.
        """
