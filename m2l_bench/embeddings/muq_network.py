"""MuQ's network: a spectrogram, convolutions that quarter its rate, and the conformer of `transformers`.

Source: Zhu et al., MuQ: Self-Supervised Music Representation Learning with Mel Residual Vector Quantization,
arXiv:2501.01108, 2025. Layers have the names of the published file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from librosa.filters import mel
from torch import Tensor, nn
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import Wav2Vec2ConformerEncoder

if TYPE_CHECKING:
    from transformers import Wav2Vec2ConformerConfig

SAMPLE_RATE, FFT, HOP, BANDS = 24_000, 2048, 240, 128


class Network(nn.Module):
    """Audio (batch, samples) to hidden states, each (batch, frames, width): the conformer's input, and every output.

    Args:
        configuration: the conformer's.
        channels: channels of the convolutions.
        mean, deviation: of the levels of the spectrogram, dB.
    """

    def __init__(self, configuration: Wav2Vec2ConformerConfig, channels: int, mean: float, deviation: float) -> None:
        super().__init__()
        self.conv = Subsampling(channels, configuration.hidden_size)
        self.conformer = Wav2Vec2ConformerEncoder(configuration)
        self.mean, self.deviation = mean, deviation
        filters = mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, htk=True, norm=None)
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)
        self.register_buffer("window", torch.hann_window(FFT), persistent=False)

    def forward(self, audio: Tensor) -> list[Tensor]:
        hidden = self.conv((self._levels(audio) - self.mean) / self.deviation)
        positions = self.conformer.embed_positions(hidden)
        states = []
        for layer in self.conformer.layers:
            states.append(hidden)
            output = layer(hidden, relative_position_embeddings=positions)
            hidden = output[0] if isinstance(output, tuple) else output  # a tuple before transformers 5
        return [*states, self.conformer.layer_norm(hidden)]

    def _levels(self, audio: Tensor) -> Tensor:
        """Compute mel levels (batch, bands, frames) in dB, without the last frame."""
        window, filters = self.get_buffer("window"), self.get_buffer("filters")
        spectrum = torch.stft(audio, FFT, HOP, window=window, pad_mode="reflect", return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)[..., :-1]
        return 10 * (filters @ power).clamp(min=1e-10).log10()


class Subsampling(nn.Module):
    """Mel levels (batch, bands, frames) to (batch, frames / 4, width)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(Residual(1, channels), Residual(channels, channels))
        self.linear = nn.Linear(channels * BANDS // 4, width)

    def forward(self, levels: Tensor) -> Tensor:
        maps = self.conv(levels[:, None])  # (batch, channels, bands / 4, frames / 4)
        frames: Tensor = self.linear(maps.permute(0, 3, 1, 2).flatten(2))
        return frames


class Residual(nn.Module):
    """Two convolutions beside one, which halve bands and frames."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(maps)).relu()))
        summed: Tensor = (inner + self.bn3(self.conv3(maps))).relu()
        return summed
