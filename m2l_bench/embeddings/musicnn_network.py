"""The network of Pons and Serra 2019, "musicnn: Pre-trained Convolutional Neural Networks for Music Audio Tagging".

It is built as in `models.py` of the package musicnn 0.1.0: filters shaped for timbre and rhythm, three convolutions
over time with residual connections, pooling of all of these over the window, and two dense layers. Normalisation comes
after the activation. Feature maps are (windows, channels, frames).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2l_bench.errors import UserError
from m2l_bench.text import one_line

UNITS, TAGS = 200, 50
TIMBRAL = ((7, 38), (7, 67))
"""Frames and mel bands of each timbral filter, which covers 0.4 or 0.7 of the bands."""
TEMPORAL = ((128, 1), (64, 1), (32, 1))
"""Frames and mel bands of each temporal filter."""
TIMBRAL_FILTERS, TEMPORAL_FILTERS, MID_FILTERS = 204, 51, 64
EPSILON = 1e-3
"""TensorFlow's default for batch normalisation."""


class FrontEnd(nn.Module):
    """Filters over time and frequency, then the maximum over frequency for each frame.

    Args:
        filters: number of filters.
        size: frames and mel bands of a filter.
    """

    def __init__(self, filters: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.padding = _same_padding(size[0])
        self.conv = nn.Conv2d(1, filters, size)
        self.norm = nn.BatchNorm2d(filters, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Map (windows, 1, frames, mels) to (windows, filters, frames)."""
        x = self.conv(F.pad(x, (0, 0, *self.padding)))
        maximum: Tensor = self.norm(F.relu_(x)).amax(dim=3)
        return maximum


class MidEnd(nn.Module):
    """Filters of 7 frames over all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, MID_FILTERS, kernel_size=7, padding=3)
        self.norm = nn.BatchNorm1d(MID_FILTERS, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(F.relu(self.conv(x)))
        return normalised


class Network(nn.Module):
    """MusiCNN, from log-mel windows to tags and the penultimate layer."""

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=EPSILON)
        self.timbral = nn.ModuleList(FrontEnd(TIMBRAL_FILTERS, size) for size in TIMBRAL)
        self.temporal = nn.ModuleList(FrontEnd(TEMPORAL_FILTERS, size) for size in TEMPORAL)
        channels = len(TIMBRAL) * TIMBRAL_FILTERS + len(TEMPORAL) * TEMPORAL_FILTERS
        self.mid = nn.ModuleList(MidEnd(c) for c in (channels, MID_FILTERS, MID_FILTERS))
        pooled = 2 * (channels + len(self.mid) * MID_FILTERS)
        self.pooled_norm = nn.BatchNorm1d(pooled, eps=EPSILON)
        self.dense = nn.Linear(pooled, UNITS)
        self.dense_norm = nn.BatchNorm1d(UNITS, eps=EPSILON)
        self.tags = nn.Linear(UNITS, TAGS)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Map log-mel windows (windows, frames, mels) to tags and the penultimate layer.

        Returns:
            The probability of each tag, (windows, 50), in the order of the package's `MSD_LABELS`; and the penultimate
            layer, (windows, 200).
        """
        x = self.input_norm(windows[:, None])
        front = torch.cat([block(x) for block in (*self.timbral, *self.temporal)], dim=1)
        first = self.mid[0](front)
        second = self.mid[1](first) + first
        third = self.mid[2](second) + second
        features = torch.cat([front, first, second, third], dim=1)
        # The published weights expect the maximum and the mean of a channel next to each other.
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        penultimate: Tensor = self.dense_norm(F.relu(self.dense(self.pooled_norm(pooled))))
        return self.tags(penultimate).sigmoid(), penultimate


def load(path: Path) -> Network:
    """Load the network with the weights in a safetensors file that `scripts/convert_musicnn.py` wrote.

    Raises:
        UserError: the file is missing, damaged, or holds other tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = Network()
    try:
        network.load_state_dict(load_file(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({one_line(error)})") from error
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({one_line(error)})") from error
    except RuntimeError as error:
        raise UserError(f"{path}: not the weights of MusiCNN ({one_line(error)[:200]})") from error
    return network.eval()


def _same_padding(frames: int) -> tuple[int, int]:
    """Compute the zeros before and after that keep the length; TensorFlow puts the odd zero after."""
    before = (frames - 1) // 2
    return before, frames - 1 - before
