"""DACVAE at 48 kHz: DAC with continuous latents, and a watermark in its output.

Source: Polyak et al., Movie Gen: A Cast of Media Foundation Models, arXiv:2410.13720, 2024, and the authors' code,
https://github.com/facebookresearch/dacvae. The network is in `dacvae_network.py`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.weights.read import fill, package_availability, read_torch

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "DACVAE, as facebook/dacvae-watermarked on the hub"


class DacVae(Codec):
    """DACVAE: one channel, 128 numbers for every 1,920 samples.

    The end is mirrored to a whole frame, as in the authors' code, or filled with zeros where the audio is too short for
    that. The latents are the mean of the posterior; the authors' code takes a sample of it. The decoder adds its
    watermark, with a message of 16 bits that the clip and the run's seed decide.

    Args:
        checkpoint: the model's `weights.pth`.
        encoder: channels of the encoder's first layer; the published network has 64.
        decoder: channels of the decoder's first layer; the published network has 1,536.

    Raises:
        UserError: the file is missing, damaged or of another model.
    """

    sample_rate, channels = 48_000, 1
    generator_per_item = True

    def __init__(self, checkpoint: Path, encoder: int = 64, decoder: int = 1536) -> None:
        from m2l_bench.codecs.dacvae_network import STRIDES, Network, rename_tensors

        self.model = Network(encoder, decoder)
        self.hop = math.prod(STRIDES)
        fill(self.model, rename_tensors(read_torch(checkpoint, EXPECTED)), checkpoint, EXPECTED)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers", "codecs")

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to latents (batch, 128, frames)."""
        return self.model.in_proj(self.features(audio)).chunk(2, dim=1)[0]

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, 128, frames) to (batch, 1, frames * 1920); steps is ignored."""
        from m2l_bench.codecs.dacvae_network import MESSAGE_BITS
        from m2l_bench.music2latent.noise import draw_noise

        audio = self.model.decoder(self.model.out_proj(latents))
        message = draw_noise((len(latents), MESSAGE_BITS), generator, latents.device).to(latents.device) > 0
        return audio + self.model.watermark(audio, message)

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the encoder's output, (batch, 1024, frames), which is also its widest layer."""
        from torch.nn.functional import pad

        missing = -audio.shape[-1] % self.hop
        return self.model.encoder(pad(audio, (0, missing), "reflect" if missing < audio.shape[-1] else "constant"))
