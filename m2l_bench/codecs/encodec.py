"""EnCodec at 48 kHz, stereo.

Source: Défossez et al., High Fidelity Neural Audio Compression, TMLR 2023; the network of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.base import Transmitted
from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec

if TYPE_CHECKING:
    from torch import Generator, Tensor

EXPECTED = "EnCodec 48 kHz, stereo, as facebook/encodec_48khz on the hub"


class EnCodec(ResidualCodec):
    """Two channels; a frame of codes for every 320 samples of a segment, a frame begun counting as one.

    The model cuts audio into segments of 1 s that overlap by 10 ms, divides each by its level, and cross-fades what it
    decodes. In the latents each segment is a column with the level and a column for each of its frames: the level's 32
    bits are in the first two rows of its column, the others are zero.

    Args:
        config: the model's `config.json`.
        checkpoint: its `model.safetensors`.
        codebooks: 2, 4, 8 or 16, each of 10 bits a frame: 1.5 kb/s.
    """

    sample_rate = 48_000
    channels = 2

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 16) -> None:
        from transformers import EncodecModel

        wanted = {
            "sampling_rate": self.sample_rate,
            "audio_channels": self.channels,
            "normalize": True,
            "chunk_length_s": 1.0,
            "overlap": 0.01,
        }
        model = read_model(EncodecModel, config, checkpoint, wanted, EXPECTED)
        super().__init__(model, codebooks, model.config.num_quantizers, model.config.codebook_size)
        count = model.quantizer.get_num_quantizers_for_bandwidth
        rates = {count(rate): rate for rate in model.config.target_bandwidths}
        if codebooks not in rates:
            raise ValueError(f"codebooks is {codebooks}: expected one of {', '.join(map(str, rates))}")
        self.kilobits = rates[codebooks]
        self.size, self.stride = model.config.chunk_length, model.config.chunk_stride
        self.hop = model.config.hop_length

    def encode(self, audio: Tensor) -> Tensor:
        """(batch, 2, samples) -> (batch, codebooks, columns), int16."""
        import torch

        columns = []
        for segment in self._segments(audio.shape[-1]):
            level, frames = self._encoded(audio[..., segment])
            codes = self.model.quantizer.encode(frames, self.kilobits).transpose(0, 1).short()
            first = torch.zeros_like(codes[..., :1])
            first[:, :2, 0] = level[:, 0].view(torch.int16)
            columns += [first, codes]
        return torch.cat(columns, dim=-1)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """(batch, codebooks, columns) -> (batch, 2, samples). Deterministic: steps and generator are ignored."""
        import torch

        # As the model does: each sample counts by its distance from the ends of a whole segment.
        size = min(self.size, -(-samples // self.hop) * self.hop)
        weight = 0.5 - (torch.linspace(0, 1, size + 2, device=latents.device)[1:-1] - 0.5).abs()
        total = torch.zeros(len(latents), self.channels, samples, device=latents.device)
        weights = torch.zeros(samples, device=latents.device)
        at = 0
        for segment in self._segments(samples):
            frames = -(-(segment.stop - segment.start) // self.hop)
            level = latents[:, :2, at].contiguous().view(torch.float32)
            codes = latents[..., at + 1 : at + 1 + frames].long().transpose(0, 1)
            made = self.model.decoder(self.model.quantizer.decode(codes)) * level[..., None]
            used = segment.stop - segment.start
            total[..., segment] += weight[:used] * made[..., :used]
            weights[segment] += weight[:used]
            at += 1 + frames
        return total / weights

    def features(self, audio: Tensor) -> Tensor:
        """(batch, 2, samples) -> (batch, 128, frames): the encoder's output, segment after segment."""
        import torch

        return torch.cat([self._encoded(audio[..., part])[1] for part in self._segments(audio.shape[-1])], dim=-1)

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the codes and, for each segment, its level, a number of 32 bits."""
        batch, _, columns = latents.shape
        segments = -(-columns // (self.size // self.hop + 1))
        codes = batch * self.codebooks * (columns - segments)
        return Transmitted(codes + batch * segments, codes * self.bits + batch * segments * 32)

    def _segments(self, samples: int) -> list[slice]:
        return [slice(start, min(start + self.size, samples)) for start in range(0, samples, self.stride)]

    def _encoded(self, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Level (batch, 1, 1) of the segment (batch, 2, samples), and what the encoder makes of it divided by that."""
        level = segment.mean(dim=1, keepdim=True).pow(2).mean(dim=-1, keepdim=True).sqrt() + 1e-8
        return level, self.model.encoder(segment / level)
