"""Record what the authors' code makes of CDPAM's encoder with random weights, for tests/embeddings/test_cdpam.py.

    pip download cdpam==0.0.6 --no-deps
    python scripts/record_cdpam.py cdpam-0.0.6-py3-none-any.whl

Their file of the network needs PyTorch alone. Weights and audio are those of devtools/upstream_weights.py. The network
is recorded with 64 filters in its first layer, as it was published, and with 4, which a quick test computes.
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
RECORDED = ROOT / "tests" / "embeddings" / "cdpam_parity" / "original.npz"
WINDOWS, SAMPLES = 2, 5001


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="cdpam-0.0.6-py3-none-any.whl of PyPI")
    parser.add_argument("--output", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    package = types.ModuleType("cdpam")  # in place of theirs, which imports packages for reading audio
    package.__path__ = [str(arguments.wheel / "cdpam")]
    sys.modules["cdpam"] = package
    from cdpam.models import FINnet

    from devtools.upstream_weights import upstream_audio, upstream_weights

    audio = torch.from_numpy(np.round(upstream_audio(WINDOWS, 1, SAMPLES) * 32_768))
    arrays = {}
    for filters in (4, 64):
        network = FINnet(encoder_layers=16, encoder_filters=filters, classif_dp=0.05, input_size=8 * filters).eval()
        state = network.state_dict()
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith("_tracked")}
        weights = {name: torch.from_numpy(array) for name, array in upstream_weights(shapes).items()}
        network.load_state_dict({**state, **weights})
        with torch.no_grad():
            _, acoustics, _ = network.base_encoder(audio)
        arrays[f"vectors_{filters}"] = torch.nn.functional.normalize(acoustics, dim=1).numpy()
        every_shape = {name: list(tensor.shape) for name, tensor in state.items()}
        arrays[f"shapes_{filters}"] = np.array(json.dumps(every_shape))
    arguments.output.parent.mkdir(exist_ok=True)
    np.savez_compressed(arguments.output, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main())
