"""The choice of an optimiser for each weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.muon import Muon
from m2l_bench.music2latent.training.recipe import Recipe


def make_optimisers(networks: Networks, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Make one optimiser, or two if Muon takes the matrices and Adam the rest; `initial_lr` keeps the full rate.

    The first and last layers of each network go to Adam, as Muon's author advises for inputs and outputs.
    """
    parameters = [parameter for parameter in networks.parameters() if parameter.requires_grad]
    optimisers: list[torch.optim.Optimizer]
    if recipe.optimiser == "radam":
        optimisers = [torch.optim.RAdam(parameters, recipe.learning_rate, recipe.betas)]
    elif recipe.optimiser == "adam":
        optimisers = [torch.optim.Adam(parameters, recipe.learning_rate, recipe.betas, fused=True)]
    else:
        matrices = set(_hidden_matrices(networks))
        rest = [parameter for parameter in parameters if parameter not in matrices]
        inner = [parameter for parameter in parameters if parameter in matrices]
        optimisers = [
            Muon(inner, recipe.learning_rate),
            torch.optim.Adam(rest, recipe.learning_rate, recipe.betas, fused=True),
        ]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return optimisers


def _hidden_matrices(networks: Networks) -> list[Tensor]:
    ends = {networks.encoder.conv_in, networks.encoder.conv_out, networks.decoder.conv_in}
    ends |= {networks.unet.conv_in, networks.unet.conv_out}
    return [
        module.weight
        for module in networks.modules()
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and module not in ends and module.weight.requires_grad
    ]
