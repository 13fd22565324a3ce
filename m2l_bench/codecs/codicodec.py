"""CoDiCodec, the consistency autoencoder with summary embeddings, with its continuous latents.

Source: Pasini, Lattner, Fazekas, CoDiCodec: Unifying Continuous and Discrete Compressed Representations of Audio, ISMIR
2025. The network is that of the authors' package `codicodec`.
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
"""Samples between frames of the spectrogram. Its windows are twice as long."""
BLOCK = 32
"""Frames of the spectrogram per frame of latents."""
SUMMARIES = (8, 64)
"""Shape of a frame of latents: 8 vectors of 64 numbers, which are not ordered in time."""


class CoDiCodec(Codec):
    """CoDiCodec: two channels, 8 vectors of 64 numbers for every 32,768 samples (0.74 s).

    The model takes music at 44.1 and at 48 kHz, and the rate is not one of its inputs; its published rates are those of
    44.1 kHz. All frames are decoded together, with noise from PyTorch's global generator, which is seeded for each
    call. The package computes in mixed precision on a GPU, which is its default, and in float32 elsewhere.

    Args:
        checkpoint: the model's `codicodec.pt`.
    """

    sample_rate = 44_100
    channels = 2

    def __init__(self, checkpoint: Path) -> None:
        import torch

        tensors = read_torch(checkpoint, EXPECTED, key="gen_state_dict")
        with _restored_settings():
            from codicodec import EncoderDecoder, inference, models, utils

        # The constructor is not called: it would fetch the weights from the hub and unpickle them.
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
        """Encode (batch, 2, samples) to latents (batch, 512, frames)."""
        from torch.nn.functional import pad

        # Half a window of zeros at both ends, where windows do not overlap and the decoder's output fades.
        samples = audio.shape[-1]
        frames = -(-(samples + HOP) // (BLOCK * HOP))
        self._set_precision()
        latents = self.model.encode(pad(audio, (HOP, BLOCK * HOP * frames - samples)))
        return latents.float().flatten(2).transpose(1, 2)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents (batch, 512, frames) to (batch, 2, frames * 32768 - 1024)."""
        import torch

        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device if generator else "cpu")
        self._set_precision()
        with torch.random.fork_rng([self.model.device] if self.model.device.type == "cuda" else []):
            torch.manual_seed(int(seed))
            audio = self.model.decode(latents.transpose(1, 2).unflatten(2, SUMMARIES), denoising_steps=steps)
        return audio[..., HOP:-HOP]

    def features(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 512, frames): no publication names another layer to probe."""
        return self.encode(audio)

    def _set_precision(self) -> None:
        self.settings.mixed_precision = self.model.device.type == "cuda"


@contextlib.contextmanager
def _restored_settings() -> Iterator[None]:
    """Restore PyTorch's settings, which the package changes for the whole process when it is imported."""
    from torch.backends import cuda, cudnn

    settings = [(cudnn, "benchmark"), (cudnn, "allow_tf32"), (cuda.matmul, "allow_tf32")]
    settings += [(cuda.matmul, "allow_fp16_reduced_precision_reduction")]
    values = [getattr(module, name) for module, name in settings]
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    try:
        yield
    finally:
        for (module, name), value in zip(settings, values, strict=True):
            setattr(module, name, value)
        os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)
        if folder is not None:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
