"""Random weights in the published formats, and what every adapter must refuse."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import music

from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError

Make = Callable[[Path], Embedding]
"""An adapter around a file of weights."""


class Malicious:
    """Unpickled by a reader that trusts the file, it makes `trace`."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


def old_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Normalised weights under the names that PyTorch gave them before 2.1, as in the published files."""
    return {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }


def laion_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`ClapAudioModelWithProjection` -> the audio branch of LAION's checkpoint, with query, key and value stacked."""
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
    """As LAION saved its training: names of a distributed model, both towers, the optimiser, numpy scores."""
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


def audio(embedding: Embedding, seconds: float, seed: int = 0) -> torch.Tensor:
    """(samples,) at the rate of the embedding."""
    return torch.from_numpy(music(seconds, embedding.sample_rate, seed=seed)[0])


def check_contract(embedding: Embedding, seconds: float, rows: int) -> None:
    """Shape, repeatability, silence, and the shortest clip that the adapter says it takes."""
    clip = audio(embedding, seconds)
    vectors = embedding.embed(clip)
    assert vectors.shape == (rows, embedding.dim)
    assert vectors.dtype == torch.float32
    assert torch.equal(embedding.embed(clip.clone()), vectors)
    assert vectors.isfinite().all()
    assert not torch.equal(embedding.embed(audio(embedding, seconds, seed=1)), vectors)
    assert embedding.embed(torch.zeros_like(clip)).isfinite().all()
    shortest = clip[: round(embedding.minimum_seconds * embedding.sample_rate)]
    assert embedding.embed(shortest).shape == (1, embedding.dim)


def refused(make: Make, path: Path, *messages: str) -> None:
    """One line that names the file and says each of `messages`."""
    with pytest.raises(UserError) as caught:
        make(path)
    for message in (str(path), *messages):
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def check_bad_pickles(make: Make, good: Path, folder: Path, expected: str) -> None:
    """No file, a file cut short, one of another network, and one that holds code."""
    refused(make, folder / "none.pt", "no such file", expected)
    cut = folder / "cut.pt"
    with good.open("rb") as file:
        cut.write_bytes(file.read(min(1 << 20, good.stat().st_size // 2)))
    refused(make, cut, "cannot be read as a PyTorch checkpoint", expected)
    other = folder / "other.pt"
    torch.save({"a.weight": torch.zeros(1)}, other)
    refused(make, other, "it lacks", expected)
    torch.save([1, 2], other)
    refused(make, other, "does not hold tensors by name", expected)
    evil, trace = folder / "evil.pt", folder / "ran"
    torch.save({"state_dict": {}, "optimizer": Malicious(trace)}, evil)
    refused(make, evil, "without running code", expected)
    assert not trace.exists()
