"""Encoder, decoder and consistency model: Section 4.2.

Each walks the same levels. At level 0 a feature map has the spectrogram's resolution, (1024, frames); at the last one
(32, frames / 8).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from m2l_bench.music2latent.blocks import (
    CrossConnection,
    Downsample,
    FrequencyGain,
    FrequencyScaling,
    NoiseEmbedding,
    Norm,
    ResidualBlock,
    Upsample,
    zeroed,
)
from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.consistency import scalings


class Level(nn.Module):
    """The blocks of one resolution, and the change to the next resolution (None at the last)."""

    connections: nn.ModuleList
    blocks: nn.ModuleList
    resample: nn.Module | None

    def __init__(
        self, blocks: list[ResidualBlock], resample: nn.Module | None, connections: list[CrossConnection] | None = None
    ) -> None:
        super().__init__()
        self.connections = nn.ModuleList(connections or [])
        self.blocks = nn.ModuleList(blocks)
        self.resample = resample


def _levels(modules: nn.ModuleList) -> list[Level]:
    """Return the levels with their type, which PyTorch's list of modules does not know."""
    return cast("list[Level]", list(modules))


class Encoder(nn.Module):
    """Spectrogram -> latents in (-1, 1): Section 4.2, "Encoder"."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(2, config.channels(0), kernel_size=3, padding=1)
        self.gain = FrequencyGain(config.bins) if config.frequency_scaling else None
        levels = []
        width = config.channels(0)
        for level in range(config.levels):
            blocks = []
            for _ in range(config.autoencoder_blocks):
                blocks.append(ResidualBlock(width, config.channels(level), attention_heads=_heads(config, level)))
                width = config.channels(level)
            last = level == config.levels - 1
            resample = None if last else Downsample(width, width, config.downsampling[level], normalise=True)
            levels.append(Level(blocks, resample))
        self.levels = nn.ModuleList(levels)
        self.norm_features = Norm(width, swish=False, overwrites=True)
        bottleneck = config.bottleneck_channels
        self.bottleneck_in = nn.Conv1d(config.feature_channels, bottleneck, kernel_size=1)
        self.bottleneck = nn.ModuleList(
            ResidualBlock(bottleneck, bottleneck, dimensions=1) for _ in range(config.bottleneck_blocks)
        )
        self.norm_out = Norm(bottleneck)
        self.conv_out = nn.Conv1d(bottleneck, config.latent_channels, kernel_size=1)

    def features(self, spectrogram: Tensor) -> Tensor:
        """(batch, 2, bins, frames) -> (batch, 8192, frames / 8): what Section 5.5 probes."""
        x = self.conv_in(spectrogram.to(self.conv_in.weight.dtype))
        if self.gain is not None:
            x = self.gain(x)
        for level in _levels(self.levels):
            for block in level.blocks:
                x = block(x)
            if level.resample is not None:
                x = level.resample(x)
        return self.norm_features(x).flatten(1, 2)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """(batch, 2, bins, frames) -> (batch, latent_channels, frames / 8), float32: Enc of Eq. 10."""
        x = self.bottleneck_in(self.features(spectrogram))
        for block in self.bottleneck:
            x = block(x)
        return torch.tanh(self.conv_out(self.norm_out(x)).float())


class Decoder(nn.Module):
    """Latents -> one feature map per level for the cross connections: Section 4.2, "Decoder"."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        bottleneck = config.bottleneck_channels
        noise_channels = config.noise_channels if config.unused_noise_projections else None
        self.bins = config.bins // config.frequency_ratio
        self.conv_in = nn.Conv1d(config.latent_channels, bottleneck, kernel_size=1)
        self.bottleneck = nn.ModuleList(
            ResidualBlock(bottleneck, bottleneck, noise_channels, dimensions=1) for _ in range(config.bottleneck_blocks)
        )
        for block in self.bottleneck:
            if block.noise_projection is not None:
                block.noise_projection.requires_grad_(False)
        self.bottleneck_out = nn.Conv1d(bottleneck, config.feature_channels, kernel_size=1)
        self.levels = _upward_levels(config, config.autoencoder_blocks)

    def forward(self, latents: Tensor) -> list[Tensor]:
        """(batch, latent_channels, frames / 8) -> feature maps from level 0 up: Dec and y_x of Eq. 10."""
        x = self.conv_in(latents.to(self.conv_in.weight.dtype))
        for block in self.bottleneck:
            x = block(x)
        # Bins are the slow axis here and the fast one in the encoder's flattening (published).
        x = self.bottleneck_out(x).unflatten(1, (self.bins, -1)).transpose(1, 2)
        if not torch.is_grad_enabled():
            x = x.contiguous(memory_format=torch.channels_last)
        decoded = []
        for level in _levels(self.levels):
            for block in level.blocks:
                x = block(x)
            decoded.append(x)
            if level.resample is not None:
                x = level.resample(x)
        return decoded[::-1]


class ConsistencyUNet(nn.Module):
    """Noisy spectrogram, its noise level and the decoder's feature maps -> spectrogram: Section 4.2, Eq. 2 and 10."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.channels(0)
        self.embedding = NoiseEmbedding(config.noise_channels)
        self.embedding_mlp = nn.Sequential(
            nn.Linear(config.noise_channels, config.noise_channels),
            nn.SiLU(),
            nn.Linear(config.noise_channels, config.noise_channels),
            nn.SiLU(),
        )
        self.scaling_in = FrequencyScaling(config.noise_channels, config.bins) if config.frequency_scaling else None
        self.scaling_out = FrequencyScaling(config.noise_channels, config.bins) if config.frequency_scaling else None
        self.conv_in = nn.Conv2d(2, width, kernel_size=3, padding=1)
        down = []
        for level in range(config.levels):
            width = config.channels(level)
            last = level == config.levels - 1
            resample = None if last else Downsample(width, config.channels(level + 1), config.downsampling[level])
            blocks = [_unet_block(config, level) for _ in range(config.unet_blocks)]
            down.append(Level(blocks, resample, [CrossConnection(width, terms=2) for _ in blocks]))
        self.down = nn.ModuleList(down)
        self.up = _upward_levels(config, config.unet_blocks, of_unet=True)
        self.connection_out = CrossConnection(config.channels(0), terms=2)
        self.norm_out = Norm(config.channels(0), overwrites=True)
        self.conv_out = zeroed(nn.Conv2d(config.channels(0), 2, kernel_size=3, padding=1))

    def forward(self, noisy: Tensor, sigma: Tensor, decoded: list[Tensor]) -> Tensor:
        """f_theta(x_sigma, sigma, y_x) of Eq. 10, float32.

        Args:
            noisy: (batch, 2, bins, frames), the clean spectrogram plus Gaussian noise of standard deviation sigma.
            sigma: (batch,), or (1,) for one noise level for all.
            decoded: the output of `Decoder`, one (batch or 1, channels, bins, frames) per level.
        """
        c_skip, c_out, c_in = scalings(sigma, self.config)
        return c_skip * noisy + c_out * self._network(c_in * noisy, sigma, decoded).float()

    def _network(self, x: Tensor, sigma: Tensor, decoded: list[Tensor]) -> Tensor:
        """F_theta: the free-form network of Eq. 2, its input and output scaled by Eq. 7."""
        embedding = self.embedding(sigma)
        noise_embedding = self.embedding_mlp(embedding)
        x = self.conv_in(x.to(self.conv_in.weight.dtype))
        if self.scaling_in is not None:
            x = self.scaling_in(x, embedding)
        skips = []
        for level, condition in zip(_levels(self.down), decoded, strict=True):
            for connection, block in zip(level.connections, level.blocks, strict=True):
                x = block(connection(condition, x), noise_embedding)
                skips.append(x)
            if level.resample is not None:
                x = level.resample(x)
        for level, condition in zip(_levels(self.up), reversed(decoded), strict=True):
            for connection, block in zip(level.connections, level.blocks, strict=True):
                x = block(connection(condition, x, skips.pop()), noise_embedding)
            if level.resample is not None:
                x = level.resample(x)
        x = self.norm_out(self.connection_out(decoded[0], x))
        if self.scaling_out is not None:
            x = self.scaling_out(x, embedding)
        return self.conv_out(x)


class Networks(nn.Module):
    """The three networks that are trained together and saved as one."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.unet = ConsistencyUNet(config)


def _upward_levels(config: Config, blocks_per_level: int, of_unet: bool = False) -> nn.ModuleList:
    """Make the levels from the coarsest to the finest."""
    levels = []
    for level in reversed(range(config.levels)):
        width = config.channels(level)
        finest = level == 0
        resample = None if finest else Upsample(width, config.channels(level - 1), config.downsampling[level - 1])
        if of_unet:
            blocks = [_unet_block(config, level) for _ in range(blocks_per_level)]
            connections = [CrossConnection(width, terms=3) for _ in blocks]
        else:
            blocks = [
                ResidualBlock(width, width, attention_heads=_heads(config, level)) for _ in range(blocks_per_level)
            ]
            connections = []
        levels.append(Level(blocks, resample, connections))
    return nn.ModuleList(levels)


def _unet_block(config: Config, level: int) -> ResidualBlock:
    width = config.channels(level)
    return ResidualBlock(width, width, config.noise_channels, attention_heads=_heads(config, level))


def _heads(config: Config, level: int) -> int | None:
    return config.attention_heads if level in config.attention_levels else None
