"""SAME narrow, in the published layout: its configuration and the names of its tensors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

CHUNKS = {"chunk_size": 32, "chunk_midpoint_shift": True}
"""Options of SAME-S."""
WINDOW = {"sliding_window": [1, 1]}
"""Options of SAME-L."""


def config(small: bool, patch_size: int = 256, depth: int = 2) -> dict[str, Any]:
    """Content of a `model_config.json`."""
    both = {
        "channels": 64,
        "c_mults": [2],
        "strides": [16],
        "latent_dim": 8,
        "transformer_depths": [depth],
        "differential": True,
        "dyt": True,
        "dim_heads": 64,
        "variable_stride": True,
        **(CHUNKS if small else WINDOW),
    }
    sides = 2 * patch_size
    decoder = {**both, "out_channels": sides, "sinusoidal_blocks": [0 if small else depth]}
    return {
        "model_type": "autoencoder",
        "sample_rate": 44_100,
        "audio_channels": 2,
        "model": {
            "pretransform": {"type": "patched", "config": {"patch_size": patch_size, "channels": 2}},
            "encoder": {"type": "same", "config": {**both, "in_channels": sides}},
            "decoder": {"type": "same", "config": {**decoder, "conv_mapping": small}},
            "bottleneck": {"type": "softnorm", "config": {"dim": 8, "noise_augment_dim": 0, "auto_scale": True}},
            "latent_dim": 8,
            "downsampling_ratio": 16 * patch_size,
            "io_channels": 2,
        },
    }


def config_of_published_size(small: bool) -> dict[str, Any]:
    """Content of that of SAME-S or SAME-L, as `diffusers` documents their sizes."""
    content = config(small)
    sizes = {"channels": 128, "transformer_depths": [6]} if small else {"channels": 256, "transformer_depths": [12]}
    for part in ("encoder", "decoder"):
        content["model"][part]["config"].update(c_mults=[6], latent_dim=256, **sizes)
    return content


def published(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename and reorder tensors of `diffusers`' network, of one level, as in the published file."""
    result = {"bottleneck.noise_scaling_factor": torch.ones(1, 0, 1)}
    for name, tensor in tensors.items():
        if name.endswith("to_qkv.weight"):
            q1, q2, k1, k2, v = tensor.chunk(5)
            tensor = torch.cat([q1, k1, v, q2, k2])
            result[name.split(".attn.")[0].replace("blocks.0", layer(name)) + ".rope.inv_freq"] = torch.ones(16)
        for ours, theirs in (
            ("blocks.0", layer(name)),
            ("encoder.proj", "encoder.layers.2"),
            ("decoder.proj", "decoder.layers.1"),
            ("bottleneck.scale", "bottleneck.scaling_factor"),
            ("norm_attn", "pre_norm"),
            (".attn.", ".self_attn."),
            ("norm_ff", "ff_norm"),
            ("ff.proj_in", "ff.ff.0.proj"),
            ("ff.proj_out", "ff.ff.2"),
            ("parametrizations.weight.original0", "weight_g"),
            ("parametrizations.weight.original1", "weight_v"),
        ):
            name = name.replace(ours, theirs)
        result[name] = tensor.contiguous()
    return result


def layer(name: str) -> str:
    return "layers.0" if name.startswith("encoder") else "layers.3"


class RandomSame:
    """The network with random weights, also where training starts from zero, and the way to its files."""

    def __init__(self, small: bool) -> None:
        from m2l_bench.codecs.same_network import build

        self.config = config(small)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch, about how diffusers normalises weights
            self.network = build(self.config["model"])
        for parameter in self.network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)

    def eval(self) -> RandomSame:
        self.network.eval()
        return self

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model_config.json").write_text(json.dumps(self.config))
        save_file(published(self.network.state_dict()), folder / "model.safetensors")
