"""Compilation of the residual blocks, which are nearly all of a training step, instead of the whole network.

Blocks of equal widths and shapes share one compiled graph, so there are few and small ones. The whole network is one
large graph whose compilation takes minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from m2l_bench.music2latent.blocks import ResidualBlock
from m2l_bench.music2latent.private_apis import allow_graphs

MOST_GRAPHS = 64
"""Most graphs of a block: one for each width and resolution, with and without gradients. Further ones stay eager."""


def compile_blocks(networks: nn.Module) -> None:
    """Have each residual block compiled when it is first called; what was compiled is kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "m2l-bench" / "compiled"))
    allow_graphs(MOST_GRAPHS)
    for module in networks.modules():
        if isinstance(module, ResidualBlock):
            module.compile(dynamic=False)
