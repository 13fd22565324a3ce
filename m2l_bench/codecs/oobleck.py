"""The variational autoencoder of Stable Audio Open.

Source: Evans et al., Stable Audio Open, arXiv:2407.14358, 2024. The network is `AutoencoderOobleck` of `diffusers`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "an AutoencoderOobleck of two channels, as stabilityai/stable-audio-open-1.0, vae/, on the hub"
RATES = range(8_000, 192_001)
"""Sample rates in Hz that audio has."""


class Oobleck(Codec):
    """The autoencoder of Stable Audio Open, and others of its structure: two channels at any sample rate.

    Stable Audio Open's has 64 numbers for every 2,048 samples, ACE-Step 1.5's for every 1,920. A partial last frame is
    padded with zeros.

    The latents are the mean of the posterior, so a reconstruction is always the same. In training they are a sample of
    the posterior.

    Args:
        config: the model's `vae/config.json`, for the class `AutoencoderOobleck` of diffusers.
        checkpoint: the model's `vae/diffusion_pytorch_model.safetensors`.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    channels = 2
    generator_per_item = True  # the decoder has no noise

    def __init__(self, config: Path, checkpoint: Path) -> None:
        from diffusers import AutoencoderOobleck

        content = read_config(config, EXPECTED)
        values = tuple(content.get(name) for name in ("_class_name", "audio_channels"))
        if values != ("AutoencoderOobleck", self.channels):
            raise UserError(f"{config}: _class_name, audio_channels are {values}; expected {EXPECTED}")
        self.sample_rate = content.get("sampling_rate", 0)
        if type(self.sample_rate) is not int or self.sample_rate not in RATES:
            raise UserError(f"{config}: sampling_rate is {self.sample_rate}; expected {EXPECTED}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch warns about how diffusers normalises weights
                self.model = AutoencoderOobleck.from_config(content)
        except Exception as error:  # sizes that do not match each other fail anywhere in torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        fill(self.model, read_safetensors(checkpoint, EXPECTED), checkpoint, EXPECTED)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("diffusers", "codecs")

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, width, frames)."""
        return self.model.encode(self._whole_frames(audio)).latent_dist.mode()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, width, frames) to (batch, 2, samples); steps and generator are ignored."""
        return self.model.decode(latents).sample

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 2, samples) to the output of the encoder's last and widest block, (batch, channels, frames)."""
        maps = self.model.encoder.conv1(self._whole_frames(audio))
        for block in self.model.encoder.block:
            maps = block(maps)
        return maps

    def _whole_frames(self, audio: Tensor) -> Tensor:
        """Pad the end with zeros to a whole frame; otherwise the network gives fewer samples than it takes."""
        from torch.nn.functional import pad

        return pad(audio, (0, -audio.shape[-1] % self.model.hop_length))
