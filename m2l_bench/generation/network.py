"""A small transformer over frames of latents that is told the time of the flow.

Blocks are those of DiT (Peebles and Xie, Scalable Diffusion Models with Transformers, ICCV 2023): layer norms whose
shift, scale and gate follow from the time, with gates that begin at zero. Positions are rotary (Su et al., RoFormer,
2021), so a frame is told by its distance to others.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2l_bench.generation.card import GeneratorCard

TIME_WIDTH = 128
"""Numbers of the sinusoidal embedding of the time."""


class Transformer(nn.Module):
    """Velocities of latents (batch, width, frames) at times (batch,) in [0, 1].

    An untrained one gives zeros.

    Args:
        latents: rows of the latents.
        card: depth, width and heads.
    """

    def __init__(self, latents: int, card: GeneratorCard) -> None:
        super().__init__()
        width = card.width
        self.pairs = width // card.heads // 2
        """Pairs of numbers of each head that are turned."""
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.into = nn.Linear(latents, width)
        self.blocks = nn.ModuleList(Block(width, card.heads) for _ in range(card.depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = _zeros(width, 2 * width)
        self.out = _zeros(width, latents)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        time = self.time(_sinusoids(times))
        turns = _turns(x.shape[-1], self.pairs, x.device)
        frames = self.into(x.transpose(1, 2))
        for block in self.blocks:
            frames = block(frames, time, turns)
        shift, scale = self.modulation(time)[:, None].chunk(2, dim=-1)
        result: Tensor = self.out(self.norm(frames) * (1 + scale) + shift)
        return result.transpose(1, 2)


class Block(nn.Module):
    """Attention over frames, then two layers for each frame."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulation = _zeros(width, 6 * width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, frames: Tensor, time: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """Change frames (batch, frames, width) by the time (batch, width) and the other frames."""
        modulation: Any = self.modulation(time)[:, None].chunk(6, dim=-1)
        shift, scale, gate = modulation[:3]
        frames = frames + gate * self._attend(self.norms[0](frames) * (1 + scale) + shift, turns)
        shift, scale, gate = modulation[3:]
        result: Tensor = frames + gate * self.layers(self.norms[1](frames) * (1 + scale) + shift)
        return result

    def _attend(self, frames: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        split = self.queries_keys_values(frames).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, frames, width of a head)
        attended = functional.scaled_dot_product_attention(_turned(queries, turns), _turned(keys, turns), values)
        joined: Tensor = self.joined(attended.transpose(1, 2).flatten(2))
        return joined


def _zeros(inputs: int, outputs: int) -> nn.Linear:
    """Make a layer that begins with zeros."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _frequencies(count: int, device: torch.device) -> Tensor:
    """Frequencies from 1 down to 1/10,000, (count,)."""
    return torch.exp(torch.arange(count, device=device) * (-math.log(10_000) / count))


def _sinusoids(times: Tensor) -> Tensor:
    """Embed times (batch,) in (batch, `TIME_WIDTH`)."""
    angles = 1000 * times[:, None] * _frequencies(TIME_WIDTH // 2, times.device)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _turns(frames: int, pairs: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles of rotary positions, each (frames, pairs)."""
    angles = torch.arange(frames, device=device)[:, None] * _frequencies(pairs, device)
    return angles.cos(), angles.sin()


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of numbers of queries or keys (..., frames, 2 * pairs) by the angles of their frames."""
    cos, sin = turns
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
