"""Base class of convolutional autoencoders of `diffusers`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.codecs.framing import whole_frames
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_safetensors, read_sample_rate

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators


class DiffusersAutoencoder(Codec):
    """An autoencoder of `diffusers` at any sample rate; a partial last frame is padded with zeros.

    The latents are the mean of the posterior, so a reconstruction is always the same. In training they are a sample of
    the posterior.

    Args:
        config: the model's `config.json`, for the class `network` of diffusers.
        checkpoint: the model's `diffusion_pytorch_model.safetensors`.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    network: str
    """Name of a class of diffusers with `encode`, `decode`, `encoder` and `hop_length`."""
    channels_key: str
    """Key of the configuration for the number of channels."""
    rate_key: str
    """Key of the configuration for the sample rate."""
    expected: str
    """What the files should be, for the message when they are not."""
    first_version: str = ""
    """First version of diffusers with this class, as MAJOR.MINOR; empty: any has it."""

    generator_per_item = True  # the decoder has no noise

    def __init__(self, config: Path, checkpoint: Path) -> None:
        import diffusers

        content = read_config(config, self.expected)
        values = content.get("_class_name"), content.get(self.channels_key)
        if values != (self.network, self.channels):
            raise UserError(f"{config}: _class_name, {self.channels_key} are {values}; expected {self.expected}")
        self.sample_rate = read_sample_rate(content, self.rate_key, config, self.expected)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch warns about how diffusers normalises weights
                self.model = getattr(diffusers, self.network).from_config(content)
        except Exception as error:  # sizes that do not match each other fail anywhere in torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {self.expected}") from error
        fill(self.model, read_safetensors(checkpoint, self.expected), checkpoint, self.expected)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("diffusers", "codecs", cls.first_version)

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, channels, samples) to latents (batch, width, frames)."""
        return self.model.encode(whole_frames(audio, self.model.hop_length)).latent_dist.mode()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, width, frames) to (batch, channels, samples); steps and generator are ignored."""
        return self.model.decode(latents).sample

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, channels, samples) to the output of the encoder's last and widest block, (batch, dim, frames)."""
        maps = self.model.encoder.conv1(whole_frames(audio, self.model.hop_length))
        for block in self.model.encoder.block:
            maps = block(maps)
        return maps
