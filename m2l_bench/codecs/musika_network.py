"""The two stages of Musika's autoencoder, each an encoder and a decoder, on windows of 64 frames of a spectrogram.

Stage 1 turns each frame into hop / 4 numbers, and stage 2 turns sixteen of these frames into one vector of latents. The
decoders add noise after every convolution, in training and in use, with a strength that they have learnt.

Source: Pasini, Schlüter, Musika! Fast Infinite Waveform Music Generation, ISMIR 2022, in the form of the authors'
repository for 44.1 kHz (github.com/marcoppasini/musika, commit b1e6e79): hop 256, 64 numbers per vector.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn, tanh, zeros
from torch.nn.functional import pad, silu

WINDOW_FRAMES = 64
"""Frames of the spectrogram in a window, which is decoded independently of the others."""
FRAMES_PER_VECTOR = 16
"""Frames of the spectrogram per vector of latents."""

Noise = Callable[[int, int], Tensor]
"""A function that maps (batch, frames) to standard normal noise (batch, 1, frames)."""


class Encoder1(nn.Module):
    """Encoder of stage 1: log power (batch, 2 * hop + 1, frames) to (batch, hop / 4, frames) in (-1, 1).

    Each frame is encoded independently.
    """

    def __init__(self, hop: int) -> None:
        super().__init__()
        widths = [2 * hop + 1] + 5 * [4 * hop]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))
        self.output = nn.Conv1d(4 * hop, hop // 4, 1)

    def features(self, spectrogram: Tensor) -> Tensor:
        """Compute the last layer before the output, (batch, 4 * hop, frames)."""
        maps = spectrogram
        for convolution in self.convolutions:
            maps = silu(convolution(maps))
        return maps

    def forward(self, spectrogram: Tensor) -> Tensor:
        return tanh(self.output(self.features(spectrogram)))


class Encoder2(nn.Module):
    """Encoder of stage 2: (batch, hop / 4, frames) to latents (batch, width, frames / 16) in (-1, 1).

    Each vector depends only on its own sixteen frames.
    """

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
    """A convolution, then noise that all channels share, then swish."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution
        self.strength = nn.Parameter(zeros(1))

    def forward(self, maps: Tensor, noise: Noise) -> Tensor:
        maps = self.convolution(maps)
        return silu(maps + self.strength * noise(len(maps), maps.shape[-1]))


class Halving(nn.Conv1d):
    """A convolution that halves the number of frames, padded as in TensorFlow: only at the end, for even numbers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(pad(maps, (0, 1)))


def upsampling_layer(inputs: int, outputs: int) -> Noisy:
    """Build a layer that doubles the number of frames."""
    return Noisy(nn.ConvTranspose1d(inputs, outputs, 4, stride=2, padding=1))


def plain_layer(inputs: int, outputs: int) -> Noisy:
    """Build a layer that keeps the number of frames."""
    return Noisy(nn.Conv1d(inputs, outputs, 3, padding=1))


class Decoder2(nn.Module):
    """Decoder of stage 2: latents (batch, width, 4) to (batch, hop / 4, 64)."""

    def __init__(self, hop: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (
                plain_layer(width, 3 * hop),
                upsampling_layer(3 * hop, 5 * hop // 2),
                plain_layer(5 * hop // 2, 5 * hop // 2),
                upsampling_layer(5 * hop // 2, 2 * hop),
                plain_layer(2 * hop, 2 * hop),
                upsampling_layer(2 * hop, 3 * hop // 2),
                upsampling_layer(3 * hop // 2, hop),
            )
        )
        self.output = nn.Conv1d(hop, hop // 4, 1)

    def forward(self, latents: Tensor, noise: Noise) -> Tensor:
        maps = latents
        for layer in self.layers:
            maps = layer(maps, noise)
        return self.output(maps)


class Decoder1(nn.Module):
    """Decoder of stage 1: (batch, hop / 4, 64) to log power and phase, each (batch, 2 * hop + 1, 64) in [-1, 1].

    A U-Net whose lowest level has eight frames. The phase has an upward path of its own, which takes the path of the
    power as input. Layers are registered in the order in which Keras writes them to a file, and draw noise in the order
    in which Keras runs them.
    """

    def __init__(self, hop: int) -> None:
        super().__init__()
        bins = 2 * hop + 1
        self.frames64 = plain_layer(hop // 4, 3 * hop)
        self.frames32 = Noisy(Halving(3 * hop, 3 * hop))
        self.frames16 = Noisy(Halving(3 * hop, 2 * hop))
        self.frames8 = Noisy(Halving(2 * hop, hop))
        self.power16 = upsampling_layer(hop, 2 * hop)
        self.power32 = upsampling_layer(2 * hop, 3 * hop)
        self.phase32 = upsampling_layer(2 * hop, 3 * hop)
        self.power64 = upsampling_layer(3 * hop, 3 * hop)
        self.phase64 = upsampling_layer(3 * hop, 3 * hop)
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
