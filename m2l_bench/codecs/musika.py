"""Musika's autoencoder.

Source: Pasini, Schlüter, Musika! Fast Infinite Waveform Music Generation, ISMIR 2022. The network in
`musika_network.py` is a PyTorch version that reads the authors' files for TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.weights.read import package_availability

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from m2l_bench.codecs.musika_network import Noise

EXPECTED = "{} of Musika's autoencoder for 44.1 kHz, as marcop/musika_ae on the hub"
KINDS = {"kernel": "weight", "bias": "bias", "noise_weight": "strength"}
WINDOWS_AT_ONCE = 32
"""Windows of one stream that are processed together, which bounds memory. Noise is drawn per group of windows, so
another number would give other noise."""


class Musika(Codec):
    """Musika: one channel, 64 numbers between -1 and 1 for every 4,096 samples, in windows of four latent frames.

    A window has 16,384 samples and 768 more that it shares with the next one. Each window is encoded and decoded
    independently, and the outputs of neighbours are added where they overlap, so audio of any length is coded in one
    piece with constant memory. As in the authors' code, frames begin with the first sample, so the first 768 samples of
    the output are faded in.

    The authors' windows consist of two such windows that do not depend on each other. Their code loses the last window
    when the number of windows is one more than a multiple of 32; this adapter does not. All computation is in float32,
    as in the authors' code without a GPU.

    Args:
        encoder1: the published `enc.h5`.
        encoder2: the published `enc2.h5`.
        decoder1: the published `dec.h5`.
        decoder2: the published `dec2.h5`.
        hop: hop of the spectrogram in samples. It decides the widths of all layers.
        width: numbers in a frame of latents.
    """

    sample_rate = 44_100
    channels = 1

    def __init__(
        self, encoder1: Path, encoder2: Path, decoder1: Path, decoder2: Path, hop: int = 256, width: int = 64
    ) -> None:
        from m2l_bench.codecs import musika_network as network
        from m2l_bench.codecs.keras_weights import fill_from_keras

        self.hop = hop
        self.step = network.WINDOW_FRAMES * hop
        self.shared = 3 * hop
        self.vectors = network.WINDOW_FRAMES // network.FRAMES_PER_VECTOR
        self.encoder1 = network.Encoder1(hop)
        self.encoder2 = network.Encoder2(hop, width)
        self.decoder1 = network.Decoder1(hop)
        self.decoder2 = network.Decoder2(hop, width)
        for module, path, what in (
            (self.encoder1, encoder1, "enc.h5"),
            (self.encoder2, encoder2, "enc2.h5"),
            (self.decoder1, decoder1, "dec.h5"),
            (self.decoder2, decoder2, "dec2.h5"),
        ):
            fill_from_keras(module, path, KINDS, EXPECTED.format(what))

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("h5py", "codecs")

    def to(self, device: str) -> None:
        for module in (self.encoder1, self.encoder2, self.decoder1, self.decoder2):
            module.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to latents (batch, 64, frames), where frames is a multiple of four."""
        import torch

        return torch.cat([self.encoder2(self.encoder1(part)) for part in self._spectrogram(audio)], dim=-1)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents (batch, 64, frames) to (batch, 1, samples), with noise from `generator`; steps are ignored.

        Noise is drawn on the generator's device (without a generator: from PyTorch's global one on the CPU), for one
        stream after the other, so it does not depend on how many streams are decoded at once.
        """
        import torch

        def noise(batch: int, frames: int) -> Tensor:
            noise_device = "cpu" if generator is None else generator.device
            return torch.randn(batch, 1, frames, generator=generator, device=noise_device).to(latents.device)

        return torch.stack([self.decode_stream(stream, noise) for stream in latents])[:, None, :samples]

    def decode_stream(self, latents: Tensor, noise: Noise) -> Tensor:
        """Decode the latents of one stream, (64, frames), to (frames * 4096 + 768,).

        Raises:
            ValueError: the number of frames is not a multiple of four.
        """
        from m2l_bench.codecs.musika_spectrogram import waveform

        if latents.shape[1] % self.vectors:
            raise ValueError(f"{latents.shape[1]} frames of latents: expected a multiple of {self.vectors}")
        windows = latents.unflatten(1, (-1, self.vectors)).transpose(0, 1)
        audio = latents.new_zeros(len(windows) * self.step + self.shared)
        for first in range(0, len(windows), WINDOWS_AT_ONCE):
            frames = self.decoder2(windows[first : first + WINDOWS_AT_ONCE], noise)
            power, phase = self.decoder1(frames, noise)
            part = waveform(_join_windows(power), _join_windows(phase), self.hop)[0]
            audio[first * self.step :][: len(part)] += part
        return audio.clamp(-1, 1)

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to features (batch, 1024, frames), one frame for every 256 samples.

        The features are the last layer before the output of the first encoder, whose layers are the widest (those of
        the second are at most 768 wide). Frames that hold only padding are left out.
        """
        import torch

        maps = torch.cat([self.encoder1.features(part) for part in self._spectrogram(audio)], dim=-1)
        return maps[..., : self._count(audio.shape[-1], self.hop)]

    def _spectrogram(self, audio: Tensor) -> Iterator[Tensor]:
        """Yield the spectrogram of audio that is padded with zeros to whole windows, some windows at a time."""
        from torch.nn.functional import pad

        from m2l_bench.codecs.musika_spectrogram import log_power

        windows = self._count(audio.shape[-1], self.step)
        padded = pad(audio[:, 0], (0, windows * self.step + self.shared - audio.shape[-1]))
        for first in range(0, windows, WINDOWS_AT_ONCE):
            last = min(windows, first + WINDOWS_AT_ONCE)
            yield log_power(padded[:, first * self.step : last * self.step + self.shared], self.hop)

    def _count(self, samples: int, step: int) -> int:
        """Count the steps that are needed to cover all samples: n steps cover n * step + 768."""
        return max(1, -(-(samples - self.shared) // step))


def _join_windows(windows: Tensor) -> Tensor:
    """Join (windows, bins, frames) along time to (1, bins, windows * frames)."""
    return windows.transpose(0, 1).flatten(1)[None]
