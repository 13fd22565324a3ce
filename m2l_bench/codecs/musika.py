"""Musika's autoencoder.

Source: Pasini, Schlüter, Musika! Fast Infinite Waveform Music Generation, ISMIR 2022; the network in
`musika_network.py`, in PyTorch, from the authors' files for TensorFlow.
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
"""Of one stream, for memory's sake. Noise is drawn in their order: another number is other noise."""


class Musika(Codec):
    """One channel; 64 numbers between -1 and 1 for every 4,096 samples, in windows of four of these.

    A window, of 16,384 samples and 768 that it shares with the next, is encoded and decoded without knowing of others;
    the output of neighbours is added where they overlap. So any length is done in one piece and in flat memory. As
    upstream, frames begin with the first sample: the first 768 samples come back faded in. Upstream's windows are two
    of these, of which nothing depends on the other; its last one is lost when their number is one more than a multiple
    of 32, here it is not. In float32, as upstream does without a GPU.

    Args:
        encoder1, encoder2, decoder1, decoder2: the published `enc.h5`, `enc2.h5`, `dec.h5`, `dec2.h5`.
        hop: of the spectrogram, in samples. The widths of all layers follow from it.
        width: numbers a vector of latents.
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
        """(batch, 1, samples) -> (batch, 64, frames), frames a multiple of four."""
        import torch

        return torch.cat([self.encoder2(self.encoder1(part)) for part in self._spectrogram(audio)], dim=-1)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """(batch, 64, frames) -> (batch, 1, samples), with noise from `generator`; steps are ignored.

        Noise is drawn on the generator's own device, PyTorch's global one for the CPU by default, for one stream
        after the other: it does not depend on how many are decoded at once.
        """
        import torch

        def noise(batch: int, frames: int) -> Tensor:
            drawn_on = "cpu" if generator is None else generator.device
            return torch.randn(batch, 1, frames, generator=generator, device=drawn_on).to(latents.device)

        return torch.stack([self.decode_stream(stream, noise) for stream in latents])[:, None, :samples]

    def decode_stream(self, latents: Tensor, noise: Noise) -> Tensor:
        """(64, frames) -> (frames * 4096 + 768,).

        Raises:
            ValueError: the frames are not whole windows of four.
        """
        from m2l_bench.codecs.musika_spectrogram import waveform

        if latents.shape[1] % self.vectors:
            raise ValueError(f"{latents.shape[1]} frames of latents: expected a multiple of {self.vectors}")
        windows = latents.unflatten(1, (-1, self.vectors)).transpose(0, 1)
        audio = latents.new_zeros(len(windows) * self.step + self.shared)
        for first in range(0, len(windows), WINDOWS_AT_ONCE):
            frames = self.decoder2(windows[first : first + WINDOWS_AT_ONCE], noise)
            power, phase = self.decoder1(frames, noise)
            part = waveform(_in_a_row(power), _in_a_row(phase), self.hop)[0]
            audio[first * self.step :][: len(part)] += part
        return audio.clamp(-1, 1)

    def features(self, audio: Tensor) -> Tensor:
        """(batch, 1, samples) -> (batch, 1024, frames), a frame for every 256 samples.

        Of the first encoder, whose layers are the widest (the second's are at most 768), the last before its output.
        Frames that hold nothing but padding are left out.
        """
        import torch

        maps = torch.cat([self.encoder1.features(part) for part in self._spectrogram(audio)], dim=-1)
        return maps[..., : self._count(audio.shape[-1], self.hop)]

    def _spectrogram(self, audio: Tensor) -> Iterator[Tensor]:
        """That of whole windows, zeros at the end, some windows at a time."""
        from torch.nn.functional import pad

        from m2l_bench.codecs.musika_spectrogram import log_power

        windows = self._count(audio.shape[-1], self.step)
        padded = pad(audio[:, 0], (0, windows * self.step + self.shared - audio.shape[-1]))
        for first in range(0, windows, WINDOWS_AT_ONCE):
            last = min(windows, first + WINDOWS_AT_ONCE)
            yield log_power(padded[:, first * self.step : last * self.step + self.shared], self.hop)

    def _count(self, samples: int, step: int) -> int:
        """Least number of steps that reach the last sample: n of them reach n * step + 768."""
        return max(1, -(-(samples - self.shared) // step))


def _in_a_row(windows: Tensor) -> Tensor:
    """(windows, bins, frames) -> (1, bins, all frames)."""
    return windows.transpose(0, 1).flatten(1)[None]
