"""A loaded codec as the measures of latents use it: one stream of audio at a time, in arrays of NumPy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.cards import Latents
from m2l_bench.errors import BadClip
from m2l_bench.systems.codec_runner import CodecRunner

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
"""Latents or codes, (width, frames)."""
REMEMBERED = 32
"""Results that are kept: those of two clips, since several measures need the same ones."""


class LatentsCoder:
    """A codec that encodes and decodes a stream in one piece.

    The decoder takes the runner's number of denoising steps, and the same noise each time.

    Args:
        runner: the codec.
        latents: what the card says about the latents.
    """

    def __init__(self, runner: CodecRunner, latents: Latents) -> None:
        self.runner = runner
        self.codec = runner.codec
        self.width = latents.width
        self.sample_rate = runner.codec.sample_rate
        self.frame = latents.samples
        self._results: dict[tuple[str, int, bytes], Array] = {}

    def encode(self, audio: Audio) -> Array:
        """Encode (channels, samples) to (width, frames).

        Raises:
            BadClip: the latents are of another width than the card says, or not finite.
        """
        return self._remembered("latents", audio.shape[1], audio, lambda: self._encode(audio))

    def decode(self, latents: Array, samples: int) -> Audio:
        """Decode (width, frames) to (channels, samples).

        Raises:
            BadClip: the codec gave too few samples, or NaN or infinity.
        """
        return self._remembered("audio", samples, latents, lambda: self._decode(latents, samples))

    def codes(self, latents: Array) -> Array:
        """Select the indices of entries of codebooks, (codebooks, frames), from latents."""
        codes: Array = self._numpy(self.codec.codes(self._batch(latents)))[0]
        return codes

    def _encode(self, audio: Audio) -> Array:
        import torch

        with torch.inference_mode():
            latents = self._numpy(self.codec.encode(self._batch(audio)))
        if latents.ndim != 3 or latents.shape[:2] != (1, self.width) or not latents.shape[2]:
            raise BadClip(
                f"the codec gave latents of shape {latents.shape}; its card says {self.width} numbers a frame"
            )
        if not np.isfinite(latents).all():
            raise BadClip("the codec gave NaN or infinite latents")
        encoded: Array = latents[0]
        return encoded

    def _decode(self, latents: Array, samples: int) -> Audio:
        import torch

        generator = torch.Generator(self.runner.device).manual_seed(self.runner.seed)
        with torch.inference_mode():
            output = self.codec.decode(self._batch(latents), samples, steps=self.runner.steps, generator=generator)
            audio = output.float().cpu().numpy()
        if audio.ndim != 3 or audio.shape[2] < samples:
            raise BadClip(f"the codec gave audio of shape {audio.shape} for {samples} samples")
        if not np.isfinite(audio).all():
            raise BadClip("the codec gave NaN or infinite samples")
        decoded: Audio = audio[0, :, :samples]
        return decoded

    def _remembered(self, kind: str, samples: int, content: Array, compute: Callable[[], Array]) -> Array:
        """Return the result for this content, computed only where it is not among the last ones."""
        key = (kind, samples, hashlib.sha256(np.ascontiguousarray(content).data).digest())
        result = self._results.pop(key) if key in self._results else compute()
        self._results[key] = result
        if len(self._results) > REMEMBERED:
            del self._results[next(iter(self._results))]
        return result

    def _batch(self, array: Array) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array))[None].to(self.runner.device)

    def _numpy(self, tensor: Tensor) -> Array:
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        array: Array = tensor.cpu().numpy()
        return array
