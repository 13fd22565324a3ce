"""EnCodec's encoder before quantisation, 75 vectors per second.

Source: Défossez et al., High Fidelity Neural Audio Compression, TMLR 2023. The network is that of `transformers`.
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
"""Samples between vectors."""
CHUNK_FRAMES = 60 * 75
"""Frames in a chunk, one minute."""
CONTEXT_FRAMES = 2
"""Frames before a chunk that are processed with it: enough for the convolutions, which look back 478 samples."""


class EnCodec(Embedding):
    """EnCodec: vectors of 128 numbers for every 320 samples at 24 kHz; a partial frame counts as one.

    Memory is bounded without changing the result. The convolutions are causal and run on chunks that overlap by as much
    as they look back. The recurrent layers run at 75 Hz on the whole clip.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.

    Raises:
        UserError: a file is missing, damaged or of another model.
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
        except Exception as error:  # transformers raises several types of its own and of torch
            raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
        values = (
            configuration.sampling_rate,
            configuration.audio_channels,
            configuration.hop_length,
            configuration.norm_type,
            configuration.use_causal_conv,
        )
        if values != (self.sample_rate, 1, HOP, "weight_norm", True):
            raise UserError(
                f"{config}: sampling_rate, audio_channels, hop length, norm_type, use_causal_conv are {values}; "
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
        """Map (samples,) to (frames, 128)."""
        import torch

        device = next(self.network.parameters()).device
        layers = list(self.network.layers)
        first_recurrent = next(i for i, layer in enumerate(layers) if hasattr(layer, "lstm"))
        with torch.inference_mode():
            parts = []
            for start in range(0, len(audio), CHUNK_FRAMES * HOP):
                context = min(CONTEXT_FRAMES * HOP, start)
                part = audio[None, None, start - context : start + CHUNK_FRAMES * HOP].to(device)
                for layer in layers[:first_recurrent]:
                    part = layer(part)
                parts.append(part[..., context // HOP :])
            frames = torch.cat(parts, dim=-1)
            for layer in layers[first_recurrent:]:
                frames = layer(frames)
        return frames[0].T
