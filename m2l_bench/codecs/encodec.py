"""EnCodec at 48 kHz, stereo.

Source: Défossez et al., High Fidelity Neural Audio Compression, TMLR 2023. The network is that of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.base import Transmitted
from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "EnCodec 48 kHz, stereo, as facebook/encodec_48khz on the hub"


class EnCodec(ResidualCodec):
    """EnCodec: two channels, one frame of codes for every 320 samples of a segment; a partial frame counts as one.

    The model cuts audio into segments of 1 s that overlap by 10 ms, divides each by its level, and cross-fades the
    decoded segments. In the latents, each segment has one column with its level and then one column per frame of codes.
    The 32 bits of the level are in the first two rows of its column; the other rows are zero.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.
        codebooks: number of codebooks to use: 2, 4, 8 or 16. Each takes 10 bits per frame, which is 1.5 kb/s.
    """

    sample_rate = 48_000
    channels = 2
    even_frames = False  # a column with the level before the codes of each segment

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 16) -> None:
        from transformers import EncodecModel

        required = {
            "sampling_rate": self.sample_rate,
            "audio_channels": self.channels,
            "normalize": True,
            "chunk_length_s": 1.0,
            "overlap": 0.01,
        }
        model = read_model(EncodecModel, config, checkpoint, required, EXPECTED)
        super().__init__(model, codebooks, model.config.num_quantizers, model.config.codebook_size)
        count_codebooks = model.quantizer.get_num_quantizers_for_bandwidth
        bandwidths = {count_codebooks(bandwidth): bandwidth for bandwidth in model.config.target_bandwidths}
        if codebooks not in bandwidths:
            raise ValueError(f"codebooks is {codebooks}: expected one of {', '.join(map(str, bandwidths))}")
        self.kilobits = bandwidths[codebooks]
        self.size, self.stride = model.config.chunk_length, model.config.chunk_stride
        self.hop = model.config.hop_length
        self.segment_columns = 1 + self.size // self.hop

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to (batch, codebooks, columns), int16."""
        import torch

        columns = []
        for segment in self._segments(audio.shape[-1]):
            level, frames = self._encode_segment(audio[..., segment])
            codes = self.model.quantizer.encode(frames, self.kilobits).transpose(0, 1).short()
            level_column = torch.zeros_like(codes[..., :1])
            level_column[:, :2, 0] = level[:, 0].view(torch.int16)
            columns += [level_column, codes]
        return torch.cat(columns, dim=-1)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode (batch, codebooks, columns) to (batch, 2, samples); steps and generator are ignored."""
        import torch

        # As in the model, the weight of a sample is its distance from the ends of a whole segment.
        size = min(self.size, -(-samples // self.hop) * self.hop)
        weight = 0.5 - (torch.linspace(0, 1, size + 2, device=latents.device)[1:-1] - 0.5).abs()
        total = torch.zeros(len(latents), self.channels, samples, device=latents.device)
        weights = torch.zeros(samples, device=latents.device)
        column = 0
        for segment in self._segments(samples):
            frames = -(-(segment.stop - segment.start) // self.hop)
            level = latents[:, :2, column].contiguous().view(torch.float32)
            codes = latents[..., column + 1 : column + 1 + frames].long().transpose(0, 1)
            decoded = self.model.decoder(self.model.quantizer.decode(codes)) * level[..., None]
            length = segment.stop - segment.start
            total[..., segment] += weight[:length] * decoded[..., :length]
            weights[segment] += weight[:length]
            column += 1 + frames
        return total / weights

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 2, samples) to the encoder's output (batch, 128, frames), one segment after the other."""
        import torch

        segments = self._segments(audio.shape[-1])
        return torch.cat([self._encode_segment(audio[..., segment])[1] for segment in segments], dim=-1)

    def codes(self, latents: Tensor) -> Tensor:
        """Select the columns of codes: all but the first column of each segment, which has its level."""
        import torch

        starts = range(0, latents.shape[-1], self.segment_columns)
        return torch.cat([latents[..., start + 1 : start + self.segment_columns] for start in starts], dim=-1)

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the codes and the level of each segment, which is a number of 32 bits."""
        batch, _, columns = latents.shape
        segments = -(-columns // self.segment_columns)
        codes = batch * self.codebooks * (columns - segments)
        return Transmitted(codes + batch * segments, codes * self.bits + batch * segments * 32)

    def _segments(self, samples: int) -> list[slice]:
        return [slice(start, min(start + self.size, samples)) for start in range(0, samples, self.stride)]

    def _encode_segment(self, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the level (batch, 1, 1) of a segment (batch, 2, samples), and encode the segment divided by it."""
        level = segment.mean(dim=1, keepdim=True).pow(2).mean(dim=-1, keepdim=True).sqrt() + 1e-8
        return level, self.model.encoder(segment / level)
