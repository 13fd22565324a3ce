"""Noise of decoders that draw from PyTorch's global generators."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def global_noise(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Seed the global generators of the processor and of `device`, and restore both at the end.

    Args:
        generator: gives the seed; None: the global generator of the processor does.
        device: where the decoder computes.
    """
    import torch

    seed = torch.randint(2**62, (1,), generator=generator, device=generator.device if generator else "cpu")
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(seed))
        yield
