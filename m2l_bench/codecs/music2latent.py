"""Music2Latent as a codec of the harness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators


class Music2LatentCodec(Codec):
    """Music2Latent: one channel at 44.1 kHz. The model itself cuts long audio into chunks.

    Args:
        weights: a weight file of the card; or, in the card's options, a name, also `owner/name` on the hub, a folder
            that `save_pretrained` wrote, or an official `.pt` file.
        dtype: number type of weights and feature maps.

    Raises:
        UserError: the weights are missing or not usable.
    """

    channels = 1
    generator_per_item = True
    number_types: tuple[str, ...] = ("float32", "bfloat16", "float16")

    def __init__(self, weights: str | Path, dtype: Literal["float32", "bfloat16", "float16"] = "float32") -> None:
        import torch

        from m2l_bench.music2latent import CheckpointError, Music2Latent

        try:
            self.model = Music2Latent.from_pretrained(weights, dtype=getattr(torch, dtype))
        except CheckpointError as error:
            raise UserError(str(error)) from error
        self.sample_rate = self.model.config.sample_rate
        self.weights_sha256 = self.model.checkpoint.sha256

    @classmethod
    def availability(cls, weights: str = "", **_: object) -> Availability:
        """Tell whether the weights that the options name are on this machine."""
        from m2l_bench.music2latent.names import hub_file, is_here

        if not weights or is_here(weights):
            return Availability()
        file = hub_file(weights)
        if file is not None:
            return Availability("its weights are not on this machine", file.command)
        return Availability(f"no such file or folder: {weights}", "correct `weights` in the card")

    def to(self, device: str) -> None:
        import torch

        target, current = torch.device(device), self.model.device
        if target.type != current.type or target.index not in (None, current.index):
            self.model.to(target)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to latents (batch, 64, frames)."""
        return self.model.encode(audio[:, 0])

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, 64, frames) to (batch, 1, samples), with noise from `generator`."""
        return self.model.decode(latents, samples, steps=steps, generator=generator)[:, None]

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to features (batch, 8192, frames)."""
        return self.model.features(audio[:, 0])


class UntrainedMusic2LatentCodec(Music2LatentCodec):
    """Music2Latent with random weights: what measures of latents owe to the architecture alone.

    Args:
        preset: a configuration in `music2latent.config.PRESETS`.
        seed: random seed of the weights.

    Raises:
        UserError: there is no such preset.
    """

    number_types = ()

    def __init__(self, preset: str = "mini", seed: int = 0) -> None:
        from m2l_bench.music2latent.config import PRESETS
        from m2l_bench.music2latent.untrained import untrained

        if preset not in PRESETS:
            raise UserError(f"no preset '{preset}': expected one of {', '.join(PRESETS)}")
        self.model = untrained(preset, seed)
        self.sample_rate = self.model.config.sample_rate
