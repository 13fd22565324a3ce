"""The network of SAME: that of `diffusers`, which has one of the two forms of attention, and the other form.

Source: Parker et al., SAME: A Semantically-Aligned Music Autoencoder, arXiv:2605.18613, 2026, and the authors' package
`stable-audio-3`, whose configurations are read. In SAME-L a token attends to its neighbours (`sliding_window`), as in
`diffusers`. In SAME-S tokens attend to each other inside chunks; in the second half of the layers the chunks are
shifted by half a chunk (`chunk_midpoint_shift`).
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderSAME
from diffusers.models.autoencoders.autoencoder_same import SAMETransformerResamplingBlock
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrizations import weight_norm

RENAMED = (
    ("pre_norm.", "norm_attn."),
    ("self_attn.", "attn."),
    ("ff_norm.", "norm_ff."),
    ("ff.ff.0.proj.", "ff.proj_in."),
    ("ff.ff.2.", "ff.proj_out."),
)
"""Parts of the published names, and their names in `diffusers`."""


def build(model: dict[str, Any]) -> Any:
    """Build an `AutoencoderSAME` with random weights from the entry `model` of a published `model_config.json`.

    Raises:
        KeyError, TypeError, ValueError: a key is missing, or this network cannot have one of the values.
    """
    patches = model["pretransform"]["config"]
    encoder, decoder = model["encoder"]["config"], model["decoder"]["config"]
    for option in ("channels", "c_mults", "strides", "transformer_depths", "latent_dim", "sliding_window"):
        if encoder.get(option) != decoder.get(option):
            raise ValueError(f"{option} of encoder and decoder differ")
    if patches.get("oversampling", 1) != 1 or model["decoder"].get("soft_clip"):
        raise ValueError("oversampling or soft_clip is on")
    levels = len(encoder["strides"])
    windows = encoder.get("sliding_window") or [1, 1]
    if windows[0] != windows[1]:
        raise ValueError(f"sliding_window is {windows}")
    network: Any = AutoencoderSAME(
        audio_channels=patches["channels"],
        patch_size=patches["patch_size"],
        encoder_channels=encoder["channels"],
        encoder_c_mults=encoder["c_mults"],
        encoder_strides=encoder["strides"],
        encoder_transformer_depths=encoder["transformer_depths"],
        latent_dim=encoder["latent_dim"],
        use_differential_attention=encoder.get("differential", True),
        dim_heads=encoder.get("dim_heads", 128),
        ff_mult=encoder.get("ff_mult", 3),
        sliding_window=windows[0],
        decoder_sinusoidal_blocks=decoder.get("sinusoidal_blocks", [0] * levels),
    )
    for part, options in ((network.encoder, encoder), (network.decoder, decoder)):
        for block in part.blocks:
            if options.get("conv_mapping", False):
                block.mapping = weight_norm(nn.Conv1d(block.in_channels, block.out_channels, 3, padding="same"))
        if options.get("sliding_window") is None:
            size, shift = options.get("chunk_size", 128), options.get("chunk_midpoint_shift", False)
            part.blocks = nn.ModuleList(Chunked(block, size, shift) for block in part.blocks)
    return network


class Chunked(nn.Module):
    """A block of SAME-S, which changes the number of frames by a factor, its `stride`.

    A segment is `stride` frames of the side with more frames and one frame of the other side. For each segment the
    block takes the input's tokens and adds learned tokens, which become its output. Segments are grouped in chunks of
    `size` frames of the side with more frames; zeros fill the last chunk. The output for these zeros is kept, as in the
    authors' package, so a partial second chunk adds two frames of latents.

    Args:
        block: the block of `diffusers` whose layers and learned token are used.
        size: frames in a chunk, on the side with more frames.
        shift: whether the chunks are shifted by half a chunk in the second half of the layers; half a chunk is then
            repeated at both ends to fill the outer chunks.

    Raises:
        ValueError: a chunk is not a whole number of segments, or with `shift` not an even number of them.
    """

    def __init__(self, block: SAMETransformerResamplingBlock, size: int, shift: bool) -> None:
        super().__init__()
        self.encodes, self.stride, self.shift = block.mode == "encoder", block.stride, shift
        if size % (block.stride * (1 + shift)):
            raise ValueError(f"chunk_size is {size} for a stride of {block.stride}")
        self.segments = size // block.stride
        self.mapping, self.transformers, self.new_tokens = block.mapping, block.transformers, block.new_tokens

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, frames) to the same with frames divided by the stride, or multiplied by it."""
        inputs, outputs = (self.stride, 1) if self.encodes else (1, self.stride)
        x = pad(x, (0, -x.shape[-1] % (inputs * self.segments)))
        if self.encodes:
            x = self.mapping(x)
        x = x.transpose(1, 2).unflatten(1, (-1, inputs))
        x = torch.cat([x, self.new_tokens.expand(*x.shape[:2], outputs, -1)], dim=2)
        half = len(self.transformers) // 2 if self.shift else len(self.transformers)
        x = self._attend(x, self.transformers[:half])
        if self.shift:
            edge = self.segments // 2
            x = torch.cat([x[:, :edge], x, x[:, -edge:]], dim=1)
            x = self._attend(x, self.transformers[half:])[:, edge:-edge]
        x = x[:, :, -outputs:].flatten(1, 2).transpose(1, 2)
        return x if self.encodes else self.mapping(x)

    def _attend(self, x: Tensor, layers: nn.ModuleList) -> Tensor:
        """Apply layers to (batch, segments, tokens, channels), each chunk independently."""
        chunks = x.reshape(-1, self.segments * x.shape[2], x.shape[3])
        for layer in layers:
            chunks = layer(chunks)
        return chunks.reshape(x.shape)


def rename_tensors(tensors: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Convert tensors from their published names to those of `diffusers`, and to its order of queries, keys and values.

    What is not learned is left out: the frequencies of rotary positions, and an empty noise scale.

    Args:
        levels: number of resampling blocks of the encoder, which equals that of the decoder.
    """
    prefixes = {
        **{f"encoder.layers.{i}.": f"encoder.blocks.{i}." for i in range(levels)},
        f"encoder.layers.{levels + 1}.": "encoder.proj.",
        "decoder.layers.1.": "decoder.proj.",
        **{f"decoder.layers.{i + 3}.": f"decoder.blocks.{i}." for i in range(levels)},
        "bottleneck.scaling_factor": "bottleneck.scale",
    }
    result = {}
    for name, tensor in tensors.items():
        if name.endswith(".rope.inv_freq") or (name == "bottleneck.noise_scaling_factor" and not tensor.numel()):
            continue
        for old, new in prefixes.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
                break
        for old, new in RENAMED:
            name = name.replace(f".{old}", f".{new}")
        # Differential attention has two queries and two keys per value.
        if name.endswith(".to_qkv.weight") and len(tensor) == 5 * tensor.shape[1]:
            query, key, value, second_query, second_key = tensor.chunk(5)
            tensor = torch.cat([query, second_query, key, second_key, value])
        result[name] = tensor
    return result
