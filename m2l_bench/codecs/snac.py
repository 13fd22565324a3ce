"""SNAC, whose codebooks have frames of different lengths.

Source: Siuzdak, Grötschla, Lanzendörfer, SNAC: Multi-Scale Neural Audio Codec, arXiv:2410.14411, 2024. The network is
that of the author's package `snac`.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec, Transmitted
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_sample_rate, read_torch

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "SNAC, as hubertsiuzdak/snac_44khz on the hub"


class Snac(Codec):
    """SNAC: one channel at any sample rate; the published ones have 15 codes of 12 bits for every 3,072 samples.

    The first codebook has one code for each frame of latents, the second two, the third four and the fourth eight.
    These 15 codes are one column of the latents, in this order. So nothing is counted twice, and a frame is as long as
    that of the slowest codebook.

    The encoder pads the end with zeros to a whole window of its attention, which is four frames. The codes of what is
    padded are counted. The decoder adds noise, which the clip and the run's seed decide.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `pytorch_model.bin`.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    channels = 1
    even_frames = False  # attention needs whole windows, so chunks cannot be joined at any frame
    generator_per_item = True

    def __init__(self, config: Path, checkpoint: Path) -> None:
        from snac import SNAC
        from snac.layers import NoiseBlock

        content = read_config(config, EXPECTED)
        self.sample_rate = read_sample_rate(content, "sampling_rate", config, EXPECTED)
        try:
            self.model = SNAC(**content)
            self.codes_per_frame = [self.model.vq_strides[0] // stride for stride in self.model.vq_strides]
        except Exception as error:  # sizes that do not match each other fail anywhere in torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        fill(self.model, read_torch(checkpoint, EXPECTED), checkpoint, EXPECTED)
        self.codebook_entries = self.model.codebook_size
        self.generator: Generators | None = None
        for block in self.model.modules():
            if isinstance(block, NoiseBlock):
                block.forward = partial(self._add_noise, block)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("snac", "snac")

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to codes (batch, codes of a frame, frames), int16."""
        import torch

        codes = self.model.encode(audio)
        frames = codes[0].shape[-1]
        return torch.cat([book.unflatten(-1, (frames, -1)).mT for book in codes], dim=1).short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode codes (batch, codes of a frame, frames) to (batch, 1, samples); steps is ignored."""
        self.generator = generator
        return self.model.decode([rows.mT.flatten(1) for rows in latents.long().split(self.codes_per_frame, dim=1)])

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the encoder's output, (batch, 1024, frames), eight for each frame of codes."""
        return self.model.encoder(self.model.preprocess(audio))

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the codes and their bits, which are fewer than the 16 bits of the type that holds a code."""
        return Transmitted(latents.numel(), latents.numel() * math.ceil(math.log2(self.codebook_entries)))

    def _add_noise(self, block: Any, maps: Tensor) -> Tensor:
        """Do what the package's `NoiseBlock` does with (batch, channels, frames), with noise from the generator."""
        from m2l_bench.music2latent.noise import draw_noise

        noise = draw_noise((len(maps), 1, maps.shape[-1]), self.generator, maps.device)
        return maps + noise.to(maps) * block.linear(maps)
