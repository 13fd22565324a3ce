"""Record what the authors' code makes of a narrow CNN14 with random weights, for tests/embeddings/test_panns.py.

    pip install --no-deps --target PACKAGES panns-inference==0.1.1 torchlibrosa==0.1.0
    python scripts/record_panns.py PACKAGES

Of their package only the file of the network is imported, since the package downloads a list of names when it is
imported. Weights and audio are those of devtools/upstream_weights.py, and so are the filters, without their signs.
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
RECORDED = ROOT / "tests" / "embeddings" / "panns_parity" / "original.npz"
NARROW = (1, 4, 8, 8, 16, 16, 32)
SAMPLES = 48_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="folder with panns_inference and torchlibrosa")
    parser.add_argument("--output", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(arguments.packages)]
    package = types.ModuleType("panns_inference")
    package.__path__ = [str(arguments.packages / "panns_inference")]
    sys.modules["panns_inference"] = package
    from panns_inference.models import Cnn14, ConvBlock

    from devtools.upstream_weights import upstream_audio, upstream_weights

    # The settings of the authors' AudioTagging.
    network = Cnn14(32_000, window_size=1024, hop_size=320, mel_bins=64, fmin=50, fmax=14_000, classes_num=527).eval()
    every_shape = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    for number in range(1, len(NARROW)):
        setattr(network, f"conv_block{number}", ConvBlock(NARROW[number - 1], NARROW[number]).eval())
    network.fc1 = torch.nn.Linear(NARROW[-1], NARROW[-1])
    network.fc_audioset = torch.nn.Linear(NARROW[-1], 527)
    learned = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked") and "spectrogram" not in name
    }
    weights = {name: torch.from_numpy(array) for name, array in upstream_weights(learned).items()}
    weights["logmel_extractor.melW"].abs_()
    network.load_state_dict({**network.state_dict(), **weights})
    audio = torch.from_numpy(upstream_audio(2, SAMPLES)) * torch.tensor([[1.0], [0.01]])
    with torch.no_grad():
        vectors = network(audio)["embedding"].numpy()
    arguments.output.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        arguments.output,
        shapes=np.array(json.dumps(every_shape)),
        narrow=np.array(json.dumps({name: list(tensor.shape) for name, tensor in network.state_dict().items()})),
        vectors=vectors,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
