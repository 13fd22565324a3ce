"""Codecs for tests: noise that halves with each doubling of the denoising steps, and a gain read from a file."""

from pathlib import Path

from torch import Generator, Tensor, randn

from m2l_bench import Codec


class Denoiser(Codec):
    sample_rate, channels = 44_100, 1

    def encode(self, audio: Tensor) -> Tensor:
        return audio

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        return latents + 0.1 / steps * randn(latents.shape, generator=generator)

    features = encode


CARD = "name: denoiser\ntitle: Denoiser\nkind: neural\nadapter: support.toy_codec:Denoiser\nsteps: 1\n"


class Gain(Codec):
    """Hands its input on times the number in a file."""

    sample_rate, channels = 44_100, 1

    def __init__(self, gain: Path) -> None:
        self.gain = float(gain.read_text())

    def encode(self, audio: Tensor) -> Tensor:
        return audio

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        return self.gain * latents

    features = encode
