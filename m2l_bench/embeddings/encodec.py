"""EnCodec's encoder before quantisation, 75 vectors a second.

Source: Défossez et al., High Fidelity Neural Audio Compression, TMLR 2023; the network of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

EXPECTED = "EnCodec 24 kHz, mono and causal, as facebook/encodec_24khz on the hub"
HOP = 320
CHUNK_FRAMES = 60 * 75
CONTEXT_FRAMES = 2
"""Enough for the convolutions, which look 478 samples back."""


class EnCodec(Embedding):
    """128 numbers for every 320 samples at 24 kHz, a frame begun counting as one.

    Memory is bounded without changing the result: the convolutions are causal and run over chunks that overlap by what
    they look back; what is recurrent runs at 75 Hz over the whole clip.

    Args:
        config: the model's `config.json`.
        checkpoint: its `model.safetensors`.
    """

    version = "1"
    sample_rate = 24_000
    minimum_seconds = HOP / 24_000

    def __init__(self, config: Path, checkpoint: Path) -> None:
        from transformers import EncodecConfig, EncodecModel

        content = read_config(config, EXPECTED)
        try:
            configuration = EncodecConfig.from_dict(content)
            model = EncodecModel(configuration)
        except Exception as error:  # transformers validates with several types of its own and torch's
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        found = (
            configuration.sampling_rate,
            configuration.audio_channels,
            configuration.hop_length,
            configuration.norm_type,
            configuration.use_causal_conv,
        )
        if found != (self.sample_rate, 1, HOP, "weight_norm", True):
            raise UserError(
                f"{config}: sampling_rate, audio_channels, hop length, norm_type, use_causal_conv are {found}; "
                f"expected {EXPECTED}"
            )
        self.dim = int(configuration.hidden_size)
        prefix = "encoder."
        tensors = {
            name.removeprefix(prefix): tensor
            for name, tensor in read_safetensors(checkpoint, EXPECTED).items()
            if name.startswith(prefix)
        }
        self.network = model.encoder
        fill(self.network, tensors, checkpoint, EXPECTED)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers")

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """(samples,) -> (frames, 128)."""
        import torch

        first = next(self.network.parameters())
        layers = list(self.network.layers)
        recurrent = next(i for i, layer in enumerate(layers) if hasattr(layer, "lstm"))
        with torch.inference_mode():
            parts = []
            for start in range(0, len(audio), CHUNK_FRAMES * HOP):
                before = min(CONTEXT_FRAMES * HOP, start)
                part = audio[None, None, start - before : start + CHUNK_FRAMES * HOP].to(first.device)
                for layer in layers[:recurrent]:
                    part = layer(part)
                parts.append(part[..., before // HOP :])
            frames = torch.cat(parts, dim=-1)
            for layer in layers[recurrent:]:
                frames = layer(frames)
        return frames[0].T
