"""The two stages of Musika's autoencoder, each an encoder and a decoder, on windows of 64 frames of a spectrogram.

Stage 1 turns a frame into hop / 4 numbers, stage 2 sixteen of these frames into one vector of latents. The decoders
add noise after every convolution, at any time, of a strength that they have learnt.

Source: Pasini, Schlüter, Musika! Fast Infinite Waveform Music Generation, ISMIR 2022, as the authors' repository has
it for 44.1 kHz (github.com/marcoppasini/musika, commit b1e6e79): hop 256, 64 numbers a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn, tanh, zeros
from torch.nn.functional import pad, silu

WINDOW_FRAMES = 64
"""Frames of the spectrogram that are decoded together, without knowing of others."""
FRAMES_PER_VECTOR = 16

Noise = Callable[[int, int], Tensor]
"""(batch, frames) -> standard normal (batch, 1, frames)."""


class Encoder1(nn.Module):
    """(batch, 2 * hop + 1, frames) of log power -> (batch, hop / 4, frames) in (-1, 1), each frame by itself."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        widths = [2 * hop + 1] + 5 * [4 * hop]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))
        self.output = nn.Conv1d(4 * hop, hop // 4, 1)

    def features(self, spectrogram: Tensor) -> Tensor:
        """(batch, 4 * hop, frames): the last layer before the output."""
        maps = spectrogram
        for convolution in self.convolutions:
            maps = silu(convolution(maps))
        return maps

    def forward(self, spectrogram: Tensor) -> Tensor:
        return tanh(self.output(self.features(spectrogram)))


class Encoder2(nn.Module):
    """(batch, hop / 4, frames) -> latents (batch, width, frames / 16) in (-1, 1), each vector from its frames alone."""

    def __init__(self, hop: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            (
                nn.Conv1d(hop // 4, hop, 3, padding=1),
                nn.Conv1d(hop, 3 * hop // 2, 3, stride=2),
                nn.Conv1d(3 * hop // 2, 3 * hop // 2, 3, padding=1),
                nn.Conv1d(3 * hop // 2, 2 * hop, 3, stride=2),
                nn.Conv1d(2 * hop, 2 * hop, 3, padding=1),
                nn.Conv1d(2 * hop, 3 * hop, 3),
                nn.Conv1d(3 * hop, 3 * hop, 1),
            )
        )
        self.output = nn.Conv1d(3 * hop, width, 1)

    def forward(self, frames: Tensor) -> Tensor:
        batch = len(frames)
        maps = frames.unflatten(2, (-1, FRAMES_PER_VECTOR)).transpose(1, 2).flatten(0, 1)
        for convolution in self.convolutions:
            maps = silu(convolution(maps))
        return tanh(self.output(maps)).reshape(batch, -1, self.output.out_channels).transpose(1, 2)


class Noisy(nn.Module):
    """A convolution, noise that all channels share, swish."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution
        self.strength = nn.Parameter(zeros(1))

    def forward(self, maps: Tensor, noise: Noise) -> Tensor:
        maps = self.convolution(maps)
        return silu(maps + self.strength * noise(len(maps), maps.shape[-1]))


class Halving(nn.Conv1d):
    """Half as many frames. TensorFlow pads the end of an even number of frames alone."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(pad(maps, (0, 1)))


def doubling(inputs: int, outputs: int) -> Noisy:
    return Noisy(nn.ConvTranspose1d(inputs, outputs, 4, stride=2, padding=1))


def keeping(inputs: int, outputs: int) -> Noisy:
    return Noisy(nn.Conv1d(inputs, outputs, 3, padding=1))


class Decoder2(nn.Module):
    """Latents (batch, width, 4) -> (batch, hop / 4, 64)."""

    def __init__(self, hop: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (
                keeping(width, 3 * hop),
                doubling(3 * hop, 5 * hop // 2),
                keeping(5 * hop // 2, 5 * hop // 2),
                doubling(5 * hop // 2, 2 * hop),
                keeping(2 * hop, 2 * hop),
                doubling(2 * hop, 3 * hop // 2),
                doubling(3 * hop // 2, hop),
            )
        )
        self.output = nn.Conv1d(hop, hop // 4, 1)

    def forward(self, latents: Tensor, noise: Noise) -> Tensor:
        maps = latents
        for layer in self.layers:
            maps = layer(maps, noise)
        return self.output(maps)


class Decoder1(nn.Module):
    """(batch, hop / 4, 64) -> log power and phase, each (batch, 2 * hop + 1, 64) in [-1, 1].

    A U-Net down to eight frames. The phase has a way up of its own, fed by that of the power. Layers are registered in
    the order in which Keras writes them down, and draw noise in the order in which it runs them.
    """

    def __init__(self, hop: int) -> None:
        super().__init__()
        bins = 2 * hop + 1
        self.frames64 = keeping(hop // 4, 3 * hop)
        self.frames32 = Noisy(Halving(3 * hop, 3 * hop))
        self.frames16 = Noisy(Halving(3 * hop, 2 * hop))
        self.frames8 = Noisy(Halving(2 * hop, hop))
        self.power16 = doubling(hop, 2 * hop)
        self.power32 = doubling(2 * hop, 3 * hop)
        self.phase32 = doubling(2 * hop, 3 * hop)
        self.power64 = doubling(3 * hop, 3 * hop)
        self.phase64 = doubling(3 * hop, 3 * hop)
        self.power = nn.Conv1d(3 * hop, bins, 1)
        self.phase = nn.Conv1d(3 * hop, bins, 1)

    def forward(self, frames: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        down64 = self.frames64(frames, noise)
        down32 = self.frames32(down64, noise)
        down16 = self.frames16(down32, noise)
        down8 = self.frames8(down16, noise)
        power16 = self.power16(down8, noise)
        phase32 = self.phase32(power16, noise)
        power32 = self.power32(power16 + down16, noise)
        phase64 = self.phase64(phase32 + power32, noise)
        power64 = self.power64(power32 + down32, noise)
        power = self.power(power64 + down64)
        phase = self.phase(phase64 + power64)
        return power.clamp(-1, 1), phase.clamp(-1, 1)
