"""Music2Latent as a codec of the harness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Music2LatentCodec(Codec):
    """One channel at 44.1 kHz; long audio is chunked by the model itself.

    Args:
        weights: a file of weights of the card; or, among its options, a name, a folder of `save_pretrained`, or an
            official `.pt`.
        dtype: of weights and feature maps.
    """

    channels = 1

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
        """Tell whether the weights that are named among the options are on this machine."""
        from m2l_bench.music2latent.hub import PUBLISHED
        from m2l_bench.music2latent.names import is_here

        if not weights or is_here(weights):
            return Availability()
        if weights in PUBLISHED:
            return Availability("its weights are not on this machine", PUBLISHED[weights].command)
        return Availability(f"no such file or folder: {weights}", "correct `weights` in the card")

    def to(self, device: str) -> None:
        if self.model.device.type != device.partition(":")[0]:
            self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """(batch, 1, samples) -> (batch, 64, frames)."""
        return self.model.encode(audio[:, 0])

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """(batch, 64, frames) -> (batch, 1, samples)."""
        return self.model.decode(latents, samples, steps=steps, generator=generator)[:, None]

    def features(self, audio: Tensor) -> Tensor:
        """(batch, 1, samples) -> (batch, 8192, frames)."""
        return self.model.features(audio[:, 0])
