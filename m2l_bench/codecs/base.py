"""What an adapter is: a codec (audio -> latents -> audio), or a maker of reconstructions that has no latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from m2l_bench.audio import Audio

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Codec(Protocol):
    """An autoencoder or coder. `codec_runner` does resampling, channels, chunks, length, device and seed around it.

    A class that does not run everywhere has a static method `unavailable(**options)`: why not here and the command
    that changes it, or two empty strings. Files of weights that its card names are handed to it by name; one that
    finds its weights itself has `weights_sha256`: a run is of one set of weights.
    One whose latents take another space than that of their type has a method `transmitted(latents)`: numbers, bytes.
    A codec that is a `torch.nn.Module`, or has a method `to(device)`, is moved to the device of the run.
    """

    sample_rate: int
    """Hz of the audio it takes and gives."""
    channels: int
    """Channels of one encoded stream: 1 or 2."""

    def encode(self, audio: Tensor) -> Tensor:
        """(batch, channels, samples) float32 in [-1, 1] -> latents (batch, dim, frames)."""

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Latents -> (batch, channels, samples or more); `steps` and `generator` are for generative decoders."""

    def features(self, audio: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, dim, frames): what Section 5.5 of the paper probes."""


@runtime_checkable
class Reconstructor(Protocol):
    """A system without latents: files made elsewhere, or a listening-test anchor. Works at the clip's own rate."""

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """(channels, samples) at `sample_rate` -> the reconstruction at the same rate.

        Raises:
            MissingRecording: there is none for this clip.
            BadClip: there is one, but it cannot be used.
        """
