"""The layout of the authors' published checkpoint, `music2latent.pt`: the names of its tensors.

Only names are translated: every tensor has the same shape and meaning in both layouts.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from m2l_bench.music2latent.config import Config

RESIDUAL = {
    "norm1": "norm1",
    "conv1": "conv1",
    "norm2": "norm2",
    "conv2": "conv2",
    "shortcut": "res_conv",
    "noise_projection": "proj_emb",
    "attention.norm": "att.norm",
    "attention.projection": "att.mha.out_proj",
}
ATTENTION_INPUT = {"weight": "att.mha.in_proj_weight", "bias": "att.mha.in_proj_bias"}
FIXED = {
    "encoder.conv_in": "encoder.conv_inp",
    "encoder.gain": "encoder.gain",
    "encoder.norm_features": "encoder.prenorm_1d_to_2d",
    "encoder.bottleneck_in": "encoder.bottleneck_layers.0",
    "encoder.norm_out": "encoder.norm_out",
    "encoder.conv_out": "encoder.conv_out",
    "decoder.conv_in": "decoder.conv_inp",
    "decoder.bottleneck_out": "decoder.conv_out_bottleneck",
    "unet.embedding_mlp.0": "emb_proj.0",
    "unet.embedding_mlp.2": "emb_proj.2",
    "unet.scaling_in.mlp.0": "scale_inp.0",
    "unet.scaling_in.mlp.2": "scale_inp.2",
    "unet.scaling_in.mlp.4": "scale_inp.4",
    "unet.scaling_out.mlp.0": "scale_out.0",
    "unet.scaling_out.mlp.2": "scale_out.2",
    "unet.scaling_out.mlp.4": "scale_out.4",
    "unet.conv_in": "conv_inp",
    "unet.connection_out.projection": "conv_decoded",
    "unet.norm_out": "norm_out",
    "unet.conv_out": "conv_out",
}


def to_official(tensors: dict[str, Tensor], config: Config) -> dict[str, Tensor]:
    """Return our state dict under the published names.

    Raises:
        KeyError: a tensor without a published name.
    """
    names = dict(_names(config))
    return {names[name]: tensor for name, tensor in tensors.items()}


def from_official(tensors: dict[str, Tensor], config: Config) -> dict[str, Tensor]:
    """Return the published state dict under our names; tensors that this configuration does not have keep theirs."""
    names = {published: ours for ours, published in _names(config)}
    return {names.get(name, name): tensor for name, tensor in tensors.items()}


def _names(config: Config) -> Iterator[tuple[str, str]]:
    """Give (our name, published name) of each tensor that a model may have."""
    for ours, published in _module_names(config):
        for parameter in ("weight", "bias", "scale"):
            yield f"{ours}.{parameter}", f"{published}.{parameter}"
    for ours, published in _block_names(config):
        for parameter, name in ATTENTION_INPUT.items():
            yield f"{ours}.attention.query_key_value.{parameter}", f"{published}.{name}"


def _module_names(config: Config) -> Iterator[tuple[str, str]]:
    yield from FIXED.items()
    for ours, published in _block_names(config):
        for part, name in RESIDUAL.items():
            yield f"{ours}.{part}", f"{published}.{name}"
    for ours, published, kind in _layers(config):
        if kind == "connection":
            yield f"{ours}.projection", published
        elif kind == "resample":
            yield f"{ours}.conv", f"{published}.c"
            yield f"{ours}.norm", f"{published}.norm"


def _block_names(config: Config) -> Iterator[tuple[str, str]]:
    for index in range(config.bottleneck_blocks):
        yield f"encoder.bottleneck.{index}", f"encoder.bottleneck_layers.{index + 1}"
        yield f"decoder.bottleneck.{index}", f"decoder.bottleneck_layers.{index}"
    for ours, published, kind in _layers(config):
        if kind == "block":
            yield ours, published


def _layers(config: Config) -> Iterator[tuple[str, str, str]]:
    """Give (our name, published name, kind); published lists are numbered in the order of the calls."""
    branches = (
        ("encoder.levels", "encoder.down_layers", config.autoencoder_blocks, False),
        ("decoder.levels", "decoder.up_layers", config.autoencoder_blocks, False),
        ("unet.down", "down_layers", config.unet_blocks, True),
        ("unet.up", "up_layers", config.unet_blocks, True),
    )
    for ours, published, blocks, connected in branches:
        position = 0
        for level in range(config.levels):
            for block in range(blocks):
                if connected:
                    yield f"{ours}.{level}.connections.{block}", f"{published}.{position}", "connection"
                    position += 1
                yield f"{ours}.{level}.blocks.{block}", f"{published}.{position}", "block"
                position += 1
            if level < config.levels - 1:
                yield f"{ours}.{level}.resample", f"{published}.{position}", "resample"
                position += 1
