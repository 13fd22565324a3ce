"""The network of εar-VAE: the autoencoder of `diffusers`, and a transformer between latents and decoder.

Source: Wang et al., Back to Ear, arXiv:2509.14912, 2025, and the authors' code,
https://github.com/Eps-Acoustic-Revolution-Lab/EAR_VAE.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderOobleck
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

STRIDES = (2, 4, 4, 4, 8)
MULTIPLES = (1, 2, 4, 8, 16)
"""Channels of the blocks, as multiples of those of the first layer."""
LATENTS = 64
HEADS = 2
LAYERS = 2
RESIDUAL = ("snake1", "conv1", "snake2", "conv2")
UNITS = ("res_unit1", "res_unit2", "res_unit3")
STACK = ("conv1", *(f"block.{index}" for index in range(len(STRIDES))), "snake1", "conv2")
BLOCKS = {"encoder": (*UNITS, "snake1", "conv1"), "decoder": ("snake1", "conv_t1", *UNITS)}
"""Names in `diffusers` of what the published file numbers, from the outermost level to the innermost: the layers of
STACK, of a block of the encoder or decoder, and of RESIDUAL."""
TRANSFORMER = (
    ("transformers.", "transformer."),
    ("rotary_pos_emb.", ""),
    ("self_attn.", ""),
    ("ff.ff.0.proj.", "to_gated."),
    ("ff.ff.2.", "from_gated."),
    (".gamma", ".weight"),
    (".beta", ".bias"),
)
"""Parts of the published names of the transformer, and their names here."""


def build(width: int) -> Any:
    """Build an `AutoencoderOobleck` with random weights and, as `transformer`, the layers before its decoder.

    Args:
        width: channels of the first layer.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns about how diffusers normalises weights
        network: Any = AutoencoderOobleck(
            encoder_hidden_size=width,
            downsampling_ratios=list(STRIDES),
            channel_multiples=list(MULTIPLES),
            decoder_channels=width,
            decoder_input_channels=LATENTS,
        )
    # In diffusers the encoder gives as many numbers as its first layer has channels.
    network.encoder.conv2 = weight_norm(nn.Conv1d(MULTIPLES[-1] * width, 2 * LATENTS, 3, padding=1))
    network.transformer = Transformer()
    return network


def rename_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give published tensors the names and shapes of `build`; names that are not the published ones stay."""
    renamed = {}
    for name, tensor in tensors.items():
        try:
            new_name = _rename(name)
        except (IndexError, KeyError, ValueError):
            new_name = name
        is_activation = new_name.endswith((".alpha", ".beta")) and tensor.ndim == 1
        renamed[new_name] = tensor[None, :, None] if is_activation else tensor
    return renamed


def _rename(name: str) -> str:
    if name.startswith("transformers."):
        for theirs, ours in TRANSFORMER:
            name = name.replace(theirs, ours)
        return name
    part, *numbers, last = name.split(".layers.")
    number, tensor = last.split(".", 1)
    tables = (STACK, BLOCKS[part], RESIDUAL)[: len(numbers) + 1]
    names = [table[int(index)] for table, index in zip(tables, [*numbers, number], strict=True)]
    return ".".join([part, *names, tensor])


class Transformer(nn.Module):
    """Layers with rotary positions that map latents (batch, 64, frames) to the same shape."""

    inv_freq: Tensor

    def __init__(self) -> None:
        super().__init__()
        size = LATENTS // HEADS
        self.register_buffer("inv_freq", 10_000 ** -(torch.arange(0, size, 2) / size))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, latents: Tensor) -> Tensor:
        tokens = latents.mT
        angles = torch.arange(tokens.shape[1], device=tokens.device)[:, None] * self.inv_freq
        turns = torch.polar(torch.ones_like(angles), angles)
        for layer in self.layers:
            tokens = layer(tokens, turns)
        return tokens.mT


class Layer(nn.Module):
    """Attention of tokens (batch, frames, 64) to all tokens, and a gated layer, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.pre_norm = nn.LayerNorm(LATENTS)
        self.to_qkv = nn.Linear(LATENTS, 3 * LATENTS, bias=False)
        self.to_out = nn.Linear(LATENTS, LATENTS, bias=False)
        self.ff_norm = nn.LayerNorm(LATENTS)
        self.to_gated = nn.Linear(LATENTS, 8 * LATENTS)
        self.from_gated = nn.Linear(4 * LATENTS, LATENTS)

    def forward(self, tokens: Tensor, turns: Tensor) -> Tensor:
        """Map tokens; `turns` are complex numbers (frames, half the size of a head) that rotate queries and keys."""
        heads = self.to_qkv(self.pre_norm(tokens)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(_turn(heads[0], turns), _turn(heads[1], turns), heads[2])
        tokens = tokens + self.to_out(attended.transpose(1, 2).flatten(2))
        values, gates = self.to_gated(self.ff_norm(tokens)).chunk(2, dim=-1)
        return tokens + self.from_gated(values * functional.silu(gates))


def _turn(vectors: Tensor, turns: Tensor) -> Tensor:
    """Rotate (..., frames, size): number i and number i + size / 2 are the two parts of a complex number."""
    turned = torch.complex(*vectors.chunk(2, dim=-1)) * turns
    return torch.cat([turned.real, turned.imag], dim=-1)
