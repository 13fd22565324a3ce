"""Codecs for tests: noise that halves with each doubling of the denoising steps, and a gain read from a file."""

import os
import signal
from pathlib import Path

from torch import Generator, Tensor, arange, cat, randn
from torch.fft import rfft
from torch.nn.functional import pad

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


class Frames(Codec):
    """Two numbers for every 441 samples, their mean and their maximum; a partial last frame is padded with zeros."""

    sample_rate, channels = 44_100, 1

    def encode(self, audio: Tensor) -> Tensor:
        frames = pad(audio, (0, -audio.shape[-1] % 441)).unflatten(-1, (-1, 441))
        return cat([frames.mean(-1), frames.amax(-1)], dim=1)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        return latents[:, :1].repeat_interleave(441, -1)


class Codes(Frames):
    """The same numbers as codes from 0 to 15."""

    codebook_entries = 16

    def encode(self, audio: Tensor) -> Tensor:
        return (8 * super().encode(audio) + 8).clamp(0, 15).short()


class Deadly(Frames):
    """Kills its process where the audio is as loud as can be."""

    def encode(self, audio: Tensor) -> Tensor:
        if audio.max() > 0.99:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(audio)


LATENTS = "latents: {sample_rate: 44100, channels: 1, width: 2, samples: 441}\n"
FRAMES = f"name: frames\ntitle: Frames\nkind: neural\nadapter: support.toy_codec:Frames\n{LATENTS}"
CODES = f"name: codes\ntitle: Codes\nkind: neural\nadapter: support.toy_codec:Codes\n{LATENTS}"


class Bands(Codec):
    """Three numbers for every 4410 samples, the levels of three tones; decoding gives these tones."""

    sample_rate, channels = 44_100, 1

    def encode(self, audio: Tensor) -> Tensor:
        frames = pad(audio, (0, -audio.shape[-1] % 4410)).unflatten(-1, (-1, 4410))
        return (rfft(frames)[:, 0, :, [30, 100, 300]].abs() / 2205).transpose(1, 2)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        time = arange(4410) / 4410
        tones = [latents[:, i, :, None] * (6.2831853 * cycles * time).sin() for i, cycles in enumerate((30, 100, 300))]
        return (tones[0] + tones[1] + tones[2]).flatten(1)[:, None, :samples]


BANDS = (
    "name: bands\ntitle: Bands\nkind: neural\nadapter: support.toy_codec:Bands\n"
    "latents: {sample_rate: 44100, channels: 1, width: 3, samples: 4410}\n"
)
