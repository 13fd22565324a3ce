"""Networks with random weights: what the architecture does by itself."""

from __future__ import annotations

from pathlib import Path

from m2l_bench.music2latent import config
from m2l_bench.music2latent.autoencoder import Music2Latent
from m2l_bench.music2latent.checkpoint import Checkpoint


def untrained(preset: str, seed: int) -> Music2Latent:
    """Make a model of a preset with random weights.

    Music2Latent initialises the last layer of each residual branch and of each attention with zeros, so its untrained
    encoder is linear except for its normalisations, and its untrained decoder does not depend on the latents. Here
    layers of zeros are initialised like any other layer in PyTorch, so every branch has an effect.
    """
    import torch

    from m2l_bench.music2latent.networks import Networks

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = Networks(config.PRESETS[preset]).eval()
        for module in (*networks.encoder.modules(), *networks.modules()):  # the encoder does not depend on the rest
            if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d) and not module.weight.any():
                module.reset_parameters()
    return Music2Latent(Checkpoint(networks, Path(f"{preset} untrained"), ""))
