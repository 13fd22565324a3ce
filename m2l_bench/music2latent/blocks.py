"""The parts that encoder, decoder and consistency model share: Sections 4.2 and 4.4.

Feature maps are (batch, channels, bins, frames) in two dimensions and (batch, channels, frames) in one.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2l_bench.music2latent import fused_norm
from m2l_bench.music2latent.config import Downsampling
from m2l_bench.music2latent.private_apis import convolve

Module = TypeVar("Module", bound=nn.Module)


class Norm(nn.GroupNorm):
    """Group normalisation with four channels per group, at most 32 groups (published), and Swish if `swish`.

    Args:
        channels: of the input.
        swish: apply x * sigmoid(x) after it.
        overwrites: the input is not needed afterwards, so an inference form may work in place.
    """

    def __init__(self, channels: int, swish: bool = True, overwrites: bool = False) -> None:
        super().__init__(max(1, min(channels // 4, 32)), channels)
        self.swish = swish
        self.overwrites = overwrites

    def forward(self, x: Tensor) -> Tensor:
        if fused_norm.usable(x):
            return fused_norm.group_norm(x, self.num_groups, self.weight, self.bias, self.eps, self.swish)
        x = super().forward(x)
        return F.silu(x) if self.swish else x


class ResidualBlock(nn.Module):
    """Pre-activation residual block of NCSN++ with 3-wide kernels, noise conditioning and optional attention.

    Args:
        channels_in, channels_out: a 1-wide convolution joins them where they differ.
        noise_channels: width of the noise embedding; None for a block that does not depend on the noise level.
        attention_heads: None for no frequency-wise attention.
        dimensions: 2 for feature maps, 1 for the bottleneck's sequences.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        noise_channels: int | None = None,
        attention_heads: int | None = None,
        dimensions: int = 2,
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv1d
        self.norm1 = Norm(channels_in)
        self.conv1 = convolution(channels_in, channels_out, kernel_size=3, padding=1)
        self.noise_projection = None if noise_channels is None else zeroed(nn.Linear(noise_channels, channels_out))
        self.norm2 = Norm(channels_out, overwrites=True)
        self.conv2 = zeroed(convolution(channels_out, channels_out, kernel_size=3, padding=1))
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else convolution(channels_in, channels_out, kernel_size=1)
        )
        self.attention = None if attention_heads is None else FrequencyAttention(channels_out, attention_heads)

    def forward(self, x: Tensor, noise_embedding: Tensor | None = None) -> Tensor:
        """`noise_embedding` is (batch, noise_channels), or (1, noise_channels) for one noise level for all."""
        h = self._first_convolution(self.norm1(x), noise_embedding)
        h = self.conv2(self.norm2(h))
        h = add(h, self.shortcut(x))
        return h if self.attention is None else self.attention(h)

    def _first_convolution(self, h: Tensor, noise_embedding: Tensor | None) -> Tensor:
        if noise_embedding is None or self.noise_projection is None:
            return self.conv1(h)
        shift = self.noise_projection(noise_embedding)
        if len(shift) == 1:  # the same for every position and sample: part of the bias
            bias = (self.conv1.bias + shift[0]).to(h.dtype)
            return convolve(self.conv1, h, bias)
        return self.conv1(h) + shift.reshape(*shift.shape, *[1] * (h.dim() - 2))


class FrequencyAttention(nn.Module):
    """Self-attention among the frequency bins of each frame: Eq. 8. Memory grows linearly with time."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = Norm(channels, swish=False)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.projection = zeroed(nn.Linear(channels, channels))
        nn.init.xavier_uniform_(self.query_key_value.weight)
        nn.init.zeros_(self.query_key_value.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, bins, frames = x.shape
        # Frames and heads are both independent. As one axis of heads, channels-last maps need no copy.
        positions = self.norm(x).permute(0, 2, 3, 1)  # (batch, bins, frames, channels)
        query, key, value = (
            F.linear(positions, weight, bias).view(batch, bins, frames * self.heads, -1).transpose(1, 2)
            for weight, bias in zip(
                self.query_key_value.weight.chunk(3), self.query_key_value.bias.chunk(3), strict=True
            )
        )
        attended = F.scaled_dot_product_attention(query, key, value)  # softmax over bins
        attended = attended.transpose(1, 2).reshape(batch, bins, frames, channels)
        return add(self.projection(attended).permute(0, 3, 1, 2), x)


class Downsample(nn.Module):
    """Strided convolution: 3x3 halving both axes, or (5, 1) dividing frequency by four (published)."""

    def __init__(self, channels_in: int, channels_out: int, axes: Downsampling, normalise: bool = False) -> None:
        super().__init__()
        self.norm = Norm(channels_in, swish=False, overwrites=True) if normalise else nn.Identity()
        if axes == "frequency":
            self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=(5, 1), stride=(4, 1), padding=(2, 0))
        else:
            self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x))


class Upsample(nn.Module):
    """Nearest-neighbour repetition, then a convolution: the mirror image of `Downsample`."""

    def __init__(self, channels_in: int, channels_out: int, axes: Downsampling) -> None:
        super().__init__()
        self.factor = (4, 1) if axes == "frequency" else (2, 2)
        kernel, padding = ((5, 1), (2, 0)) if axes == "frequency" else ((3, 3), (1, 1))
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=kernel, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=[float(factor) for factor in self.factor], mode="nearest"))


class CrossConnection(nn.Module):
    """Adds the linearly projected output of the decoder to the consistency model's features (Section 4.4).

    A sum of n terms is divided by sqrt(n), which keeps its variance (published).

    Args:
        channels: of all terms.
        terms: n, the projection included.
    """

    def __init__(self, channels: int, terms: int) -> None:
        super().__init__()
        self.terms = terms
        self.projection = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, decoded: Tensor, *features: Tensor) -> Tensor:
        return sum(features, start=self.projection(decoded)) / math.sqrt(self.terms)


class NoiseEmbedding(nn.Module):
    """Sinusoidal embedding of log(sigma) / 4 (Section 4.4), frequencies from 1 to 1/10,000."""

    frequencies: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        # A constant, which no file of weights has, so it has values where the networks are made without any.
        with torch.device("cpu"):
            self.register_buffer("frequencies", 10_000.0 ** -(torch.arange(half) / (half - 1)), persistent=False)

    def forward(self, sigma: Tensor) -> Tensor:
        """(batch,) -> (batch, channels)."""
        angle = torch.outer(sigma.float().log() / 4, self.frequencies)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class FrequencyScaling(nn.Module):
    """One factor per frequency bin, given the noise level: s_f of Eq. 6, used as 1 + s_f (published)."""

    def __init__(self, noise_channels: int, bins: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(noise_channels, noise_channels),
            nn.SiLU(),
            nn.Linear(noise_channels, noise_channels),
            nn.SiLU(),
            zeroed(nn.Linear(noise_channels, bins)),
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(batch, channels, bins, frames) scaled: Eq. 7."""
        factor = 1 + self.mlp(embedding)
        return multiply(x, factor[:, None, :, None].to(x.dtype))


class FrequencyGain(nn.Module):
    """One learned factor per frequency bin of the encoder's input features (published)."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, 1, bins, 1))

    def forward(self, x: Tensor) -> Tensor:
        return multiply(x, self.scale)


def zeroed(module: Module) -> Module:
    """Set the parameters to zero, so that at first the branch that ends here adds nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def add(x: Tensor, y: Tensor) -> Tensor:
    """Return x + y; without gradients in x itself, which is a convolution's new result."""
    return x + y if torch.is_grad_enabled() else x.add_(y)


def multiply(x: Tensor, y: Tensor) -> Tensor:
    """Return x * y; without gradients in x itself, which is a convolution's new result."""
    return x * y if torch.is_grad_enabled() else x.mul_(y)
