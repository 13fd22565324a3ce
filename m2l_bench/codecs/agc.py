"""Audiogen's codec at 48 kHz, with continuous latents or with codes.

Source: Audiogen, agc, 2024, https://github.com/AudiogenAI/agc. The network is that of the authors' package
`audiogen-agc`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec, Transmitted
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "AGC, as Audiogen/agc-continuous or Audiogen/agc-discrete on the hub"


class Agc(Codec):
    """AGC: two channels, 32 numbers for every 480 samples or 24 codes of 11 bits for every 960.

    A partial last frame is padded with zeros. The encoder gives the mean of a posterior, so a reconstruction is always
    the same; the authors' package encodes a sample of the posterior, in the form with codes too.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    sample_rate, channels = 48_000, 2
    generator_per_item = True  # the decoder has no noise

    def __init__(self, config: Path, checkpoint: Path) -> None:
        from agc.model import AGC, AGCConfig

        content = read_config(config, EXPECTED)
        values = content.get("model_type"), content.get("sample_rate")
        if values != ("agc", self.sample_rate):
            raise UserError(f"{config}: model_type, sample_rate are {values}; expected {EXPECTED}")
        try:
            self.model = AGC(AGCConfig(**content))
        except Exception as error:  # sizes that do not match each other fail anywhere in torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        fill(self.model, read_safetensors(checkpoint, EXPECTED), checkpoint, EXPECTED)
        self.codebook_entries = 0 if self.model.continuous else self.model.config.codebook_size

    @classmethod
    def availability(cls, **_: object) -> Availability:
        state = package_availability("agc", "agc")
        return state or Availability(state.reason, f"{state.command} && pip install --no-deps audiogen-agc==0.1.1")

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 32, frames), or to codes (batch, 24, frames), int16."""
        encoded = self.model.encoder(self.model.preprocess(audio, self.sample_rate))
        if self.model.config.vae:
            encoded = encoded.chunk(2, dim=1)[0]
        if self.model.continuous:
            return encoded / self.model.latent_std
        return self.model.quantizer(encoded)[0].short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents or codes to (batch, 2, samples); steps and generator are ignored."""
        return self.model.decode(latents if self.model.continuous else latents.long())

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 2, samples) to the output of the encoder's last and widest block, (batch, 1024, frames)."""
        return self.model.encoder.block[:-2](self.model.preprocess(audio, self.sample_rate))

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the numbers or codes and their bits; a code has fewer than the 16 bits of the type that holds it."""
        if not self.codebook_entries:
            return super().transmitted(latents)
        return Transmitted(latents.numel(), latents.numel() * math.ceil(math.log2(self.codebook_entries)))
