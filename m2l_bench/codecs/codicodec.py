"""CoDiCodec, the consistency autoencoder with summary embeddings; its continuous latents.

Source: Pasini, Lattner, Fazekas, CoDiCodec: Unifying Continuous and Discrete Compressed Representations of Audio, ISMIR
2025; the network of the authors' package `codicodec`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.weights.read import fill, package_availability, read_torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

EXPECTED = "CoDiCodec, as SonyCSLParis/codicodec on the hub"
HOP = 1024
"""Samples between frames of the spectrogram, whose windows are twice as long."""
BLOCK = 32
"""Frames of the spectrogram for each frame of latents."""
SUMMARIES = (8, 64)
"""A frame of latents is 8 vectors of 64 numbers, in no order of time."""


class CoDiCodec(Codec):
    """Two channels; 8 vectors of 64 numbers for every 32,768 samples, 0.74 s.

    The model takes music at 44.1 and at 48 kHz without being told; its published rates are those of 44.1 kHz. All
    frames are decoded together, with noise from PyTorch's own generator, seeded here. On a GPU the package computes in
    mixed precision, as it does by default; elsewhere in float32.

    Args:
        checkpoint: the model's `codicodec.pt`.
    """

    sample_rate = 44_100
    channels = 2

    def __init__(self, checkpoint: Path) -> None:
        import torch

        tensors = read_torch(checkpoint, EXPECTED, key="gen_state_dict")
        with _settings_kept():
            from codicodec import EncoderDecoder, inference, models, utils

        # Its constructor asks the hub for the weights, and unpickles them.
        self.model = EncoderDecoder.__new__(EncoderDecoder)
        self.model.gen = models.UNet()
        self.model.bottleneck_channels = inference.bottleneck_channels
        self.model.device = torch.device("cpu")
        self.settings: Any = utils
        fill(self.model.gen, tensors, checkpoint, EXPECTED)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("codicodec", "codicodec")

    def to(self, device: str) -> None:
        import torch

        self.model.device = torch.device(device)
        self.model.gen.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """(batch, 2, samples) -> (batch, 512, frames)."""
        from torch.nn.functional import pad

        # Half a window more at both ends, where windows do not overlap and the decoder's output fades.
        samples = audio.shape[-1]
        frames = -(-(samples + HOP) // (BLOCK * HOP))
        self._choose_precision()
        latents = self.model.encode(pad(audio, (HOP, BLOCK * HOP * frames - samples)))
        return latents.float().flatten(2).transpose(1, 2)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """(batch, 512, frames) -> (batch, 2, frames * 32768 - 1024)."""
        import torch

        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device if generator else "cpu")
        self._choose_precision()
        with torch.random.fork_rng([self.model.device] if self.model.device.type == "cuda" else []):
            torch.manual_seed(int(seed))
            made = self.model.decode(latents.transpose(1, 2).unflatten(2, SUMMARIES), denoising_steps=steps)
        return made[..., HOP:-HOP]

    def features(self, audio: Tensor) -> Tensor:
        """(batch, 2, samples) -> (batch, 512, frames): the latents, since nobody has said which layer to probe."""
        return self.encode(audio)

    def _choose_precision(self) -> None:
        self.settings.mixed_precision = self.model.device.type == "cuda"


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Keeps PyTorch's settings, which the package changes for the whole process as it is imported."""
    from torch.backends import cuda, cudnn

    places = [(cudnn, "benchmark"), (cudnn, "allow_tf32"), (cuda.matmul, "allow_tf32")]
    places += [(cuda.matmul, "allow_fp16_reduced_precision_reduction")]
    before = [getattr(where, name) for where, name in places]
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    try:
        yield
    finally:
        for (where, name), value in zip(places, before, strict=True):
            setattr(where, name, value)
        os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)
        if folder is not None:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
