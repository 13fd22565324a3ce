"""CoDiCodec, the consistency autoencoder with summary embeddings, continuous and discrete.

Source: Pasini, Lattner, Fazekas, CoDiCodec: Unifying Continuous and Discrete Compressed Representations of Audio, ISMIR
2025. The network is that of the authors' package `codicodec`.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec, Transmitted
from m2l_bench.codecs.global_noise import global_noise
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
Mode = Literal["parallel", "autoregressive"]


class CoDiCodec(Codec):
    """CoDiCodec: two channels, 8 vectors of 64 numbers or 128 codes for every 32,768 samples (0.74 s).

    The same 512 numbers are 128 groups of four. A code is such a group with each number rounded to one of 11 levels, so
    that all codes are entries of one codebook of 11^4 entries.

    The model takes music at 44.1 and at 48 kHz, and the rate is not one of its inputs; its published rates are those of
    44.1 kHz. The decoder's noise comes from PyTorch's global generator, which is seeded for each call. The package
    computes in mixed precision on a GPU, which is its default, and in float32 elsewhere.

    Args:
        checkpoint: the model's `codicodec.pt`.
        discrete: whether latents are codes.
        mode: whether all frames are decoded together, or one after the other, each beside the one before it.

    Raises:
        ValueError: there is no such mode.
    """

    sample_rate = 44_100
    channels = 2

    def __init__(self, checkpoint: Path, discrete: bool = False, mode: Mode = "parallel") -> None:
        import torch

        if mode not in get_args(Mode):
            raise ValueError(f"mode is {mode}: expected {' or '.join(get_args(Mode))}")
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
        self.discrete, self.mode = discrete, mode
        if discrete:
            self.codebook_entries = math.prod(models.fsq_levels)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("codicodec", "codicodec")

    def to(self, device: str) -> None:
        import torch

        self.model.device = torch.device(device)
        self.model.gen.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 512, frames) or codes (batch, 128, frames), int16."""
        if self.discrete:
            return self._encode(audio, discrete=True).short().transpose(1, 2)
        return self.features(audio)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents (batch, 512, frames) or codes (batch, 128, frames) to (batch, 2, frames * 32768 - 1024)."""
        frames = latents.shape[-1]
        if self.mode == "autoregressive" and frames == 1:
            latents = latents.expand(-1, -1, 2)  # the package takes two or more; a frame does not see the one after it
        by_frame = latents.transpose(1, 2)
        self._set_precision()
        with global_noise(generator, self.model.device):
            audio = self.model.decode(
                by_frame.int() if self.discrete else by_frame.unflatten(2, SUMMARIES),
                mode=self.mode,
                denoising_steps=steps,
            )
        return audio[..., HOP : frames * BLOCK * HOP]

    def features(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 512, frames), without quantisation in any case.

        No publication names another layer to probe.
        """
        return self._encode(audio, discrete=False).float().flatten(2).transpose(1, 2)

    def codes(self, latents: Tensor) -> Tensor:
        """Arrange codes (batch, 128, frames) as those of one codebook, (batch, 1, frames * 128), frame after frame."""
        return latents.transpose(1, 2).flatten(1)[:, None]

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the latents or codes; a code takes log2(11^4) = 13.84 bits, since codes can be packed together."""
        if not self.discrete:
            return super().transmitted(latents)
        return Transmitted(latents.numel(), math.ceil(latents.numel() * math.log2(self.codebook_entries)))

    def _encode(self, audio: Tensor, discrete: bool) -> Tensor:
        """Encode (batch, 2, samples) to (batch, frames, 8, 64), or to codes (batch, frames, 128)."""
        from torch.nn.functional import pad

        # Half a window of zeros at both ends, where windows do not overlap and the decoder's output fades.
        samples = audio.shape[-1]
        frames = -(-(samples + HOP) // (BLOCK * HOP))
        self._set_precision()
        return self.model.encode(pad(audio, (HOP, BLOCK * HOP * frames - samples)), discrete=discrete)

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
