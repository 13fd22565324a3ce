"""Record what the authors' code makes of CLMR's encoder with random weights, for tests/embeddings/test_clmr.py.

    git clone https://github.com/Spijkervet/CLMR
    python scripts/record_clmr.py CLMR

Their two files of the network need PyTorch alone. Weights and audio are those of devtools/upstream_weights.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "embeddings" / "clmr_parity" / "original.npz"
WINDOWS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="of github.com/Spijkervet/CLMR")
    parser.add_argument("--output", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    models = types.ModuleType("models")  # in place of their package, whose other networks need torchaudio
    models.__path__ = [str(arguments.checkout / "clmr" / "models")]
    sys.modules["models"] = models
    from models.sample_cnn import SampleCNN

    from devtools.upstream_weights import upstream_audio, upstream_weights

    network = SampleCNN(strides=[3] * 9, supervised=False, out_dim=50).eval()
    state = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    weights = {name: torch.from_numpy(array) for name, array in upstream_weights(shapes).items()}
    network.load_state_dict({**state, **weights})
    network.fc = torch.nn.Identity()
    audio = torch.from_numpy(upstream_audio(WINDOWS, 1, 3**10))
    with torch.no_grad():
        vectors = network(audio).numpy()
    every_shape = {name: list(tensor.shape) for name, tensor in state.items()}
    np.savez_compressed(arguments.output, shapes=np.array(json.dumps(every_shape)), vectors=vectors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
