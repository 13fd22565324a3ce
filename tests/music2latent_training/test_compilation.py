"""Compiled blocks give the loss and the gradients of the blocks as they are, from few graphs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from m2l_bench.music2latent import Config, fused_norm
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.compilation import compile_blocks
from m2l_bench.music2latent.training.objective import Objective

SMALL = Config(
    hop=8,
    base_channels=8,
    channel_multipliers=(1,),
    downsampling=(),
    attention_levels=(),
    unet_blocks=3,
    bottleneck_channels=16,
    bottleneck_blocks=2,
    noise_channels=16,
)


def test_equal_blocks_share_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only PyTorch's compiler of graphs is left out, which takes minutes on a CPU."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    graphs = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    whole = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda module, **options: whole(module, backend=backend, fullgraph=True, **options)
    )
    torch.manual_seed(0)
    networks = Networks(SMALL).train()
    for parameter in networks.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    clean, noise = torch.randn(2, 2, 2, SMALL.bins, 8)
    levels = torch.tensor([0.1, 1.0]), torch.tensor([0.2, 1.5])

    def step() -> tuple[Tensor, list[Tensor]]:
        networks.zero_grad()
        loss = Objective(networks)(clean, noise, *levels).mean()
        loss.backward()
        return loss.detach(), [p.grad.clone() for p in networks.parameters() if p.grad is not None]

    loss, gradients = step()
    compile_blocks(networks)
    compiled_loss, compiled_gradients = step()
    torch.testing.assert_close(compiled_loss, loss)
    torch.testing.assert_close(compiled_gradients, gradients)
    # Of 12 blocks: those of encoder and decoder, one of a sequence in each, and those of the consistency model with
    # gradients and without.
    assert len(graphs) == 5, graphs
    step()
    assert len(graphs) == 5


def test_compiled_code_does_not_ask_for_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU supports is a constant of a graph, which a question in the middle of it would break."""
    fused_norm._available.cache_clear()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, os.getpid()))
    monkeypatch.setattr(fused_norm.importlib.util, "find_spec", lambda name: name)
    compiled = torch.compile(
        lambda x: x + 1 if fused_norm.available(torch.device("cuda:0")) else x, backend="eager", fullgraph=True
    )
    assert compiled(torch.zeros(1)) == 1
    fused_norm._available.cache_clear()
