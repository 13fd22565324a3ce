"""Music2Latent of the published size with random weights, the authors' package with the same, and music for both."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from m2l_bench import audio
from m2l_bench.datasets import bundled
from m2l_bench.music2latent import PRESETS, Checkpoint, Music2Latent, checkpoint
from m2l_bench.music2latent.networks import Networks

SAMPLE_RATE = 44_100


def random_networks() -> Networks:
    """Make networks of the published size, without zeros: most of the network would do nothing otherwise."""
    torch.manual_seed(0)
    networks = Networks(PRESETS["official"]).eval()
    for parameter in networks.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return networks


def load_ours(networks: Networks, precision: str, device: str = "cpu", batch: int = 1) -> Music2Latent:
    """Make our model of these networks."""
    return Music2Latent(
        Checkpoint(networks, Path("random"), ""), device, dtype=getattr(torch, precision), batch_size=batch
    )


def load_package(networks: Networks, device: str = "cpu") -> Any:
    """Load the authors' package with our random weights."""
    from music2latent import inference

    inference.download_model = lambda: None  # the published weights are not needed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "music2latent.pt"
        checkpoint.export_official(networks, path)
        return inference.EncoderDecoder(load_path_inference=path, device=torch.device(device))


def music(seconds: float, batch: int = 1) -> Tensor:
    """Read the first bundled clip as (batch, samples), repeated up to this length."""
    samples, rate = audio.read(bundled.load().clips[0].path)
    waveform = audio.resample(audio.to_mono(samples), rate, SAMPLE_RATE)
    waveform = np.tile(waveform, (batch, math.ceil(seconds * SAMPLE_RATE / waveform.shape[1])))
    return torch.from_numpy(waveform[:, : round(seconds * SAMPLE_RATE)])
