"""SAME, the autoencoder of Stable Audio 3, small and large.

Source: Parker et al., SAME: A Semantically-Aligned Music Autoencoder, arXiv:2605.18613, 2026. The network is that of
`diffusers`, with one addition in `same_network.py`.
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

EXPECTED = "the autoencoder of Stable Audio 3, as stabilityai/SAME-S or stabilityai/SAME-L on the hub"


class Same(Codec):
    """SAME: two channels, 256 numbers for every 4,096 samples; a partial frame counts as one.

    SAME-S gives an even number of frames. The authors' package adds noise inside the network: a thousandth of the
    latents' level before decoding, and a hundredth to learned tokens. This adapter adds none, like `diffusers`, so a
    reconstruction is always the same.

    Args:
        config: the model's `model_config.json`.
        checkpoint: the model's `model.safetensors`.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    sample_rate = 44_100
    channels = 2
    generator_per_item = True  # the decoder has no noise

    def __init__(self, config: Path, checkpoint: Path) -> None:
        from m2l_bench.codecs.same_network import build, rename_tensors

        content = read_config(config, EXPECTED)
        if content.get("sample_rate") != self.sample_rate:
            raise UserError(f"{config}: sample_rate is {content.get('sample_rate')}; expected {EXPECTED}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch warns about how diffusers normalises weights
                self.model = build(content["model"])
            levels = len(content["model"]["encoder"]["config"]["strides"])
        except Exception as error:  # sizes that do not match each other fail anywhere in torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        if self.model.config.audio_channels != self.channels:
            raise UserError(f"{config}: channels is {self.model.config.audio_channels}; expected {EXPECTED}")
        fill(self.model, rename_tensors(read_safetensors(checkpoint, EXPECTED), levels), checkpoint, EXPECTED)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("diffusers", "codecs", first="0.40")

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 256, frames)."""
        return self.model.encode(audio).latents

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, 256, frames) to (batch, 2, frames * 4096); steps and generator are ignored."""
        return self.model.decode(latents).sample

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 2, samples) to what the encoder projects to the latents, (batch, 768 or 1536, frames)."""
        maps = self.model.patch_embed.encode(audio)
        for block in self.model.encoder.blocks:
            maps = block(maps)
        return maps
