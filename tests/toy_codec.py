"""A codec whose noise halves with each doubling of its denoising steps, for tests."""

from torch import Generator, Tensor, randn


class Denoiser:
    sample_rate, channels = 44_100, 1

    def encode(self, audio: Tensor) -> Tensor:
        return audio

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        return latents + 0.1 / steps * randn(latents.shape, generator=generator)

    features = encode


CARD = "name: denoiser\ntitle: Denoiser\nkind: neural\nadapter: toy_codec:Denoiser\nsteps: 1\n"
