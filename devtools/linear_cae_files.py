"""Linear consistency autoencoders in the published files: three of settings, and the tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

CHECKPOINT = "autoencoder_inference_model_last.pth"


def settings(layers: int, base: int, bottleneck: int, noise: int) -> dict[str, dict[str, Any]]:
    """Settings by part of the model, as the authors' configuration has them.

    Args:
        layers: layers of each level of the network that denoises, and half of those beside the latents.
        base: channels of the first layers; others have up to four times as many.
        bottleneck: channels of the layers beside the latents.
        noise: numbers that describe a level of noise.
    """
    noise_levels = {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5}
    return {
        "frontend": {
            "hop_size": 512,
            "n_fft_factor": 4,
            "alpha_rescale": 0.65,
            "beta_rescale": 0.34,
            "sample_rate": 44_100,
        },
        "generator": {
            "base_channels": base,
            "layers_list": [layers] * 5,
            "multipliers_list": [1, 2, 4, 4, 4],
            "attention_list": [0, 0, 1, 1, 1],
            "freq_downsample_list": [1, 0, 0, 0],
            "layers_list_encoder": [1, 1, 1, 1, 1],
            "attention_list_encoder": [0, 0, 1, 1, 1],
            "bottleneck_base_channels": bottleneck,
            "num_bottleneck_layers": 2 * layers,
            "bottleneck_channels": 64,
            "cond_channels": noise,
            "hop": 512,
            "data_channels": 2,
            "use_fourier": False,
            **noise_levels,
        },
        "diffusion": {"rho": 7.0, "total_iters": 800_000, **noise_levels},
    }


NARROW = settings(1, 4, 32, 32)
PUBLISHED = settings(2, 64, 512, 256)


class RandomLinearCAE:
    """The authors' model with random weights.

    Args:
        settings: settings by part of the model.
    """

    def __init__(self, settings: dict[str, dict[str, Any]]) -> None:
        from linear_cae import Autoencoder

        self.settings = settings
        self.model = Autoencoder(**settings)
        for parameter in self.model.parameters():
            if not parameter.any():  # many layers start at zero
                nn.init.normal_(parameter, std=0.02)

    def eval(self) -> RandomLinearCAE:
        """Prepare for inference."""
        self.model.eval()
        return self

    def save_pretrained(self, folder: Path) -> None:
        """Write the files as the authors' converter does."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, settings in self.settings.items():
            (folder / f"{name}_kwargs_last.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        torch.save(self.model.state_dict(), folder / CHECKPOINT)
