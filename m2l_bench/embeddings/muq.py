"""MuQ's hidden states, averaged over layers.

Source: Zhu et al., MuQ: Self-Supervised Music Representation Learning with Mel Residual Vector Quantization,
arXiv:2501.01108, 2025. The authors' package `muq` is not used: it imports torchaudio and x_clip, and its version 0.1.0
expects hidden states that the conformer of `transformers` 5 no longer returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.layers import MeanOfLayers
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, read_config, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.embeddings.muq_network import Network

EXPECTED = "OpenMuQ/MuQ-large-msd-iter of the hub"
SHORTEST = 1_100
"""Samples in the shortest clip. More than 1024 are needed, which are reflected at its ends."""
STATISTICS = ("melspec_2048_mean", "melspec_2048_std")
PARTS = ("conv.", "conformer.")
"""Parts of the file that are used; the others are for training."""


class MuQ(MeanOfLayers):
    """MuQ: vectors of 1024 numbers, 25 per second, at 24 kHz.

    A clip longer than 30 s is cut into the fewest possible windows of equal length, which are processed independently.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.
        layers: numbers of the layers to average: 0 is the input of the first layer, 12 the output of the last,
            which the authors' example calls features.

    Raises:
        UserError: a layer does not exist, or a file is missing, damaged or of another model.
    """

    version = "1"
    sample_rate = 24_000
    minimum_seconds = SHORTEST / 24_000
    window = 30 * 24_000

    def __init__(self, config: Path, checkpoint: Path, layers: list[int]) -> None:
        self.network: Network = _network(config)
        self.choose_layers(layers, len(self.network.conformer.layers), config)
        self.dim = self.network.conv.linear.out_features
        tensors = {
            name.removeprefix("model."): tensor
            for name, tensor in read_safetensors(checkpoint, EXPECTED).items()
            if name.removeprefix("model.").startswith(PARTS)
        }
        fill(self.network, tensors, checkpoint, EXPECTED)

    def hidden_states(self, audio: Tensor) -> Sequence[Tensor]:
        """Compute the states of all layers, each (1, frames, 1024), of a window (samples,)."""
        states: Sequence[Tensor] = self.network(audio[None])
        return states


def _network(path: Path) -> Network:
    """Build the network that a configuration describes."""
    from transformers import Wav2Vec2ConformerConfig

    from m2l_bench.embeddings.muq_network import BANDS, HOP, Network

    content = read_config(path, EXPECTED)
    sizes = tuple(content.get(key) for key in ("label_rate", "hop_length", "n_mels"))
    if sizes != (25, HOP, BANDS):
        raise UserError(f"{path}: label_rate, hop_length, n_mels are {sizes}; expected {EXPECTED}, 25, {HOP}, {BANDS}")
    try:
        names = Wav2Vec2ConformerConfig().to_dict().keys() - {"model_type", "architectures", "torch_dtype", "dtype"}
        options = {name: value for name, value in content["w2v2_config"].items() if name in names}
        options |= {"hidden_size": content["encoder_dim"], "num_hidden_layers": content["encoder_depth"]}
        options["attn_implementation"] = "eager"
        mean, deviation = (float(content["stat"][name]) for name in STATISTICS)
        return Network(Wav2Vec2ConformerConfig(**options), content["conv_dim"], mean, deviation)
    except Exception as error:  # transformers raises several types of its own
        raise UserError(f"{path}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
