"""MERT's hidden states, averaged over layers.

Source: Li et al., MERT: Acoustic Music Understanding Model with Large-Scale Self-supervised Training, ICLR 2024. The
code in the hub's repository is not run: MERT-v1-95M has neither constant-Q input nor deep normalisation, so its network
is HuBERT, which `transformers` has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench.embeddings.layers import MeanOfLayers
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, read_config, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import HubertConfig

EXPECTED = "m-a-p/MERT-v1-95M of the hub"
FRAME = 400
"""Samples in a frame. The next frame begins 320 samples later."""


class Mert(MeanOfLayers):
    """MERT: vectors of 768 numbers, 75 per second, at 24 kHz.

    A clip longer than 30 s is cut into the fewest possible windows of equal length. Each window is processed
    independently, scaled to zero mean and unit variance, as the published preprocessing scales a clip
    (`do_normalize`). A window of n samples has (n - 400) // 320 + 1 vectors.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `pytorch_model.bin`.
        layers: numbers of the layers to average: 0 is the input of the first layer, 12 the output of the last.

    Raises:
        UserError: a layer does not exist, or a file is missing, damaged or of another model.
    """

    version = "1"
    sample_rate = 24_000
    minimum_seconds = FRAME / 24_000
    window = 30 * 24_000

    def __init__(self, config: Path, checkpoint: Path, layers: list[int]) -> None:
        from transformers import HubertModel

        configuration = _hubert_configuration(config)
        self.dim = int(configuration.hidden_size)
        self.choose_layers(layers, configuration.num_hidden_layers, config)
        self.network: Module = HubertModel(configuration)
        tensors = read_torch(checkpoint, EXPECTED)
        tensors.pop("masked_spec_embed", None)
        fill(self.network, tensors, checkpoint, EXPECTED)

    def hidden_states(self, audio: Tensor) -> Sequence[Tensor]:
        """Compute the states of all layers, each (1, frames, 768), of a window that is scaled first."""
        import torch

        audio = (audio - audio.mean()) / torch.sqrt(audio.var(correction=0) + 1e-7)
        states: Sequence[Tensor] = self.network(audio[None], output_hidden_states=True).hidden_states
        return states


def _hubert_configuration(path: Path) -> HubertConfig:
    """Read the configuration of MERT as one of HuBERT."""
    from transformers import HubertConfig

    content: dict[str, Any] = read_config(path, EXPECTED)
    for option in ("feature_extractor_cqt", "deepnorm"):
        if content.get(option):
            raise UserError(f"{path}: {option} is on, which is not HuBERT's network; expected {EXPECTED}")
    if content.get("sample_rate", Mert.sample_rate) != Mert.sample_rate:
        raise UserError(f"{path}: sample_rate is {content['sample_rate']}; expected {EXPECTED}, {Mert.sample_rate}")
    file_keys = {"model_type", "architectures", "transformers_version", "torch_dtype", "dtype"}
    option_names = HubertConfig().to_dict().keys() - file_keys
    options = {key: value for key, value in content.items() if key in option_names}
    options |= {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}  # without masking, HuBERT has no `masked_spec_embed`
    try:
        return HubertConfig(**options)
    except Exception as error:  # transformers raises several types of its own
        raise UserError(f"{path}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
