"""Embeddings with random weights, in the formats of the published files."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from m2l_bench.embeddings import laion

if TYPE_CHECKING:
    from transformers import ClapAudioModelWithProjection


def random_clap(tower: laion.Tower = "HTSAT-tiny") -> ClapAudioModelWithProjection:
    """CLAP's audio tower with the same random weights each time."""
    from transformers import ClapAudioModelWithProjection

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ClapAudioModelWithProjection(laion.configuration(tower)).eval()


def old_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename normalised weights to the names that PyTorch gave them before 2.1, as in the published files."""
    return {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }


def laion_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename tensors of `ClapAudioModelWithProjection` as in LAION's checkpoint: query, key and value are stacked."""
    laion = {}
    for name, tensor in tensors.items():
        for ours, theirs in (
            ("audio_model.audio_encoder", "audio_branch"),
            ("audio_projection.linear1", "audio_projection.0"),
            ("audio_projection.linear2", "audio_projection.2"),
            ("batch_norm", "bn0"),
            ("layernorm_before", "norm1"),
            ("layernorm_after", "norm2"),
            ("attention.output.dense", "attn.proj"),
            ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2"),
            ("attention.self", "attn"),
        ):
            name = name.replace(ours, theirs)
        if ".attn.query." in name:
            rest = [tensors[other] for other in tensors if _same_attention(other, name)]
            laion[name.replace("query", "qkv")] = torch.cat([tensor, *rest])
        elif ".attn.key." not in name and ".attn.value." not in name:
            laion[name] = tensor
    return laion


def _same_attention(other: str, query: str) -> bool:
    start, _, kind = query.replace("audio_branch", "audio_model.audio_encoder").partition(".attn.query.")
    return other in (f"{start}.attention.self.{part}.{kind}" for part in ("key", "value"))


def write_laion(network: torch.nn.Module, path: Path, **extra: Any) -> Path:
    """Write a checkpoint as LAION saved its training: a distributed model, both towers, the optimiser, numpy scores."""
    tensors = laion_names(network.state_dict())
    tensors |= {
        "logit_scale_a": torch.tensor(2.0),
        "audio_branch.spectrogram_extractor.stft.conv_real.weight": torch.rand(513, 1, 8),
        "audio_branch.logmel_extractor.melW": torch.rand(513, 64),
        "audio_branch.layers.0.blocks.1.attn_mask": torch.rand(4, 4),
        "audio_branch.tscam_conv.weight": torch.rand(5, 3),
        "audio_branch.head.bias": torch.rand(5),
        "text_branch.embeddings.position_ids": torch.arange(514)[None],
        "text_projection.0.weight": torch.rand(5, 3),
        "audio_transform.sequential.0.weight": torch.rand(5, 3),
    }
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(3))])
    optimiser.param_groups[0]["params"][0].grad = torch.ones(3)
    optimiser.step()
    content = {
        "epoch": 15,
        "name": "random",
        "state_dict": OrderedDict((f"module.{name}", tensor) for name, tensor in tensors.items()),
        "optimizer": optimiser.state_dict(),
        "best_score": np.float64(0.9014),
        **extra,
    }
    torch.save(content, path)
    return path
