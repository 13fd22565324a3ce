"""Record what the authors' code makes of SAME's two forms, narrow, with random weights, for tests/codecs/test_same.py.

    git clone https://github.com/Stability-AI/stable-audio-3
    python scripts/record_same.py stable-audio-3

Needs what that package needs. Its noise is off in the configurations of devtools/same_files.py; weights and audio
are those of devtools/upstream_weights.py.
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
RECORDED = ROOT / "tests" / "codecs" / "data" / "same_parity.npz"
SAMPLES = 1000
"""Neither whole frames nor, in the small form, whole chunks."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="of github.com/Stability-AI/stable-audio-3")
    parser.add_argument("--output", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    sys.path[:0] = [str(arguments.checkout), str(ROOT)]
    arrays: dict[str, NDArray[Any]] = {}
    for small in (True, False):
        arrays |= {f"{'small' if small else 'large'}_{name}": array for name, array in record(small).items()}
    np.savez_compressed(arguments.output, **arrays)  # type: ignore[arg-type]
    return 0


def record(small: bool) -> dict[str, NDArray[Any]]:
    """Configuration and shapes of tensors as JSON; latents and audio."""
    from stable_audio_3.factory import create_autoencoder_from_config
    from stable_audio_3.models import transformer

    from devtools.same_files import config
    from devtools.upstream_weights import upstream_audio, upstream_weights

    transformer.flex_attention_compiled = None  # its own way without compilation
    content = config(small, patch_size=16, depth=4)
    network = create_autoencoder_from_config(content["model"], content["sample_rate"]).eval()
    state = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith("inv_freq")}
    weights = {name: torch.from_numpy(array) for name, array in upstream_weights(shapes).items()}
    network.load_state_dict({**state, **weights})
    with torch.no_grad():
        latents = network.encode(torch.from_numpy(upstream_audio(1, 2, SAMPLES)))
        audio = network.decode(latents)
    every_shape = {name: list(tensor.shape) for name, tensor in state.items()}
    return {
        "config": np.array(json.dumps(content)),
        "shapes": np.array(json.dumps(every_shape)),
        "latents": latents.numpy(),
        "audio": audio.numpy(),
    }


if __name__ == "__main__":
    sys.exit(main())
