"""Record what the authors' code makes of a small MuQ with random weights, for tests/embeddings/test_muq.py.

    pip install --no-deps --target PACKAGES muq==0.1.0 easydict nnAudio torchaudio transformers==4.50.3 \\
        tokenizers==0.21.1 huggingface_hub==0.30.2
    python scripts/record_muq.py PACKAGES

Their code needs transformers 4, whose conformer returns hidden states. Only the files of the network are imported.
Where torchaudio does not load its compiled part, delete PACKAGES/torchaudio/lib/*.so. Weights and audio are those of
devtools/upstream_weights.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "embeddings" / "muq_parity" / "original.npz"
SAMPLES = 12_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="folder with muq and what it needs")
    parser.add_argument("--output", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    sys.path[:0] = [str(arguments.packages), str(ROOT)]
    for name in ("muq", "muq.muq"):  # in place of theirs, which import the text model too
        package = types.ModuleType(name)
        package.__path__ = [str(arguments.packages.joinpath(*name.split(".")))]
        sys.modules[name] = package
    import torch
    from muq.muq.muq import MuQ, MuQConfig

    from devtools.upstream_weights import upstream_audio, upstream_weights

    conformer = {
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "position_embeddings_type": "rotary",
        "rotary_embedding_base": 10_000,
        "hidden_act": "swish",
        "layer_norm_eps": 1e-5,
        "conv_depthwise_kernel_size": 31,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
        "feat_extract_activation": "gelu",
        "hidden_dropout": 0.1,
        "attention_dropout": 0.1,
        "activation_dropout": 0.1,
        "conformer_conv_dropout": 0.1,
        "layerdrop": 0.0,
    }
    config = MuQConfig(
        encoder_dim=16,
        encoder_depth=2,
        conv_dim=4,
        codebook_size=8,
        stat={"melspec_2048_mean": 6.5, "melspec_2048_std": 18.5},
        w2v2_config=conformer,
    )
    network = MuQ(config).eval()
    state = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith(("_tracked", "_freq"))}
    weights = {name: torch.from_numpy(array) for name, array in upstream_weights(shapes).items()}
    network.load_state_dict({**state, **weights})
    with torch.no_grad():
        states = network(torch.from_numpy(upstream_audio(1, SAMPLES))).hidden_states
    arguments.output.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        arguments.output,
        shapes=np.array(json.dumps({name: list(tensor.shape) for name, tensor in state.items()})),
        config=np.array(json.dumps(vars(config))),
        states=torch.cat(states).numpy(),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
