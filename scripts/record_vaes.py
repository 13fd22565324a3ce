"""Record what the authors' code makes of εar-VAE and DACVAE, narrow, with random weights, for tests/codecs.

    git clone https://github.com/Eps-Acoustic-Revolution-Lab/EAR_VAE
    git clone https://github.com/facebookresearch/dacvae
    python scripts/record_vaes.py EAR_VAE dacvae

Needs what these packages need. Weights and audio are those of devtools/recorded_files.py and
devtools/upstream_weights.py; numbers are in double precision, and latents are the mean of the posterior.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "codecs" / "data"
Arrays = dict[str, NDArray[Any]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ear_vae", type=Path, help="checkout of github.com/Eps-Acoustic-Revolution-Lab/EAR_VAE")
    parser.add_argument("dacvae", type=Path, help="checkout of github.com/facebookresearch/dacvae")
    parser.add_argument("--output", type=Path, default=DATA)
    arguments = parser.parse_args()
    sys.path[:0] = [str(arguments.ear_vae), str(arguments.dacvae), str(ROOT)]
    for name, record in (("ear_vae", record_ear_vae), ("dacvae", record_dacvae)):
        np.savez_compressed(arguments.output / f"{name}_parity.npz", **record())  # type: ignore[arg-type]
    return 0


def record_ear_vae() -> Arrays:
    """The published configuration with 8 channels in place of 128."""
    from model.ear_vae import EAR_VAE

    convolutions = {"channels": 8, "c_mults": [1, 2, 4, 8, 16], "strides": [2, 4, 4, 4, 8], "use_snake": True}
    network = EAR_VAE(
        {
            "transformer": {"depth": 2, "config": {"rotary_pos_emb": True, "dim_heads": 32}},
            "encoder": {"config": {**convolutions, "in_channels": 2, "latent_dim": 128}},
            "decoder": {"config": {**convolutions, "out_channels": 2, "latent_dim": 64, "final_tanh": False}},
        }
    )
    tensors = _fill(network)
    with torch.no_grad():
        latents = network.encode(_audio(2, 5 * 1024), use_sample=False)
        audio = network.decode(latents)
    return {**tensors, "latents": _single(latents), "audio": _single(audio)}


def record_dacvae() -> Arrays:
    """4 and 96 channels in place of 64 and 1,536, and the watermark narrower in the same measure.

    Its level stays what it is in the published network.
    """
    from dacvae.model import dacvae

    watermarker, decoder = dacvae.Watermarker, dacvae.Decoder
    dacvae.Watermarker = lambda *sizes, **options: watermarker(*sizes, **{**options, "hidden": 32})
    dacvae.Decoder = lambda *sizes: decoder(*sizes, wm_channels=2)
    network = dacvae.DACVAE(
        encoder_dim=4,
        encoder_rates=[2, 8, 10, 12],
        latent_dim=64,
        decoder_dim=96,
        decoder_rates=[12, 10, 8, 2],
        codebook_dim=128,
        sample_rate=48_000,
    )
    tensors = _fill(network)
    network.decoder.alpha = 0.25
    message = torch.tensor([[1.0, 0.0, 0.0, 1.0] * 4], dtype=torch.float64)
    with torch.no_grad():
        maps = network.quantizer.in_proj(network.encoder(network._pad(_audio(1, 3 * 1920 - 500))))
        latents = maps.chunk(2, dim=1)[0]
        audio = network.decoder(network.quantizer.out_proj(latents), message=message)
    return {**tensors, "message": message.numpy(), "latents": _single(latents), "audio": _single(audio)}


def _fill(network: torch.nn.Module) -> Arrays:
    """Give a network the weights that `devtools.recorded_files` makes of the result.

    Returns:
        as JSON, the shapes of its tensors and, of tensors that are the same one, the name of the first.
    """
    from devtools.recorded_files import recorded_weights

    state = network.eval().state_dict()
    first: dict[int, str] = {}
    same = {name: first.setdefault(tensor.data_ptr(), name) for name, tensor in state.items()}
    tensors = {
        "shapes": np.array(json.dumps({name: list(tensor.shape) for name, tensor in state.items()})),
        "same": np.array(json.dumps({name: other for name, other in same.items() if name != other})),
    }
    network.load_state_dict(recorded_weights(tensors))
    network.double()
    return tensors


def _single(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.float().numpy()


def _audio(channels: int, samples: int) -> torch.Tensor:
    from devtools.upstream_weights import upstream_audio

    return torch.from_numpy(upstream_audio(1, channels, samples)).double()


if __name__ == "__main__":
    sys.exit(main())
