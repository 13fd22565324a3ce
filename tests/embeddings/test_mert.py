"""MERT with random weights in the hub's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.embedding_checks import audio, check_bad_pickles, check_contract, refused
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from devtools.embedding_files import old_names
from m2l_bench.embeddings.mert import Mert

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
}
OF_MERT = {
    "model_type": "mert_model",
    "architectures": ["MERTModel"],
    "auto_map": {"AutoModel": "modeling_MERT.MERTModel"},
    "deepnorm": False,
    "attention_relax": -1.0,
    "feature_extractor_cqt": False,
    "sample_rate": 24_000,
    "torch_dtype": "float32",
    "transformers_version": "4.25.1",
}


@pytest.fixture(scope="module")
def model() -> HubertModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HubertModel(HubertConfig(**SMALL)).eval()


@pytest.fixture
def files(model: HubertModel, tmp_path: Path) -> tuple[Path, Path]:
    config, checkpoint = tmp_path / "config.json", tmp_path / "pytorch_model.bin"
    config.write_text(json.dumps({**HubertConfig(**SMALL).to_dict(), **OF_MERT}))
    torch.save(old_names(model.state_dict()), checkpoint)
    return config, checkpoint


@pytest.fixture
def embedding(files: tuple[Path, Path]) -> Mert:
    return Mert(*files, layers=[2, 3])


def outputs(model: HubertModel, clip: torch.Tensor) -> list[torch.Tensor]:
    """(frames, dim): what goes into the first layer and comes out of each, for a clip through the published
    preprocessing."""
    states: list[torch.Tensor] = []
    hooks = [model.encoder.dropout.register_forward_hook(lambda module, inputs, output: states.append(output[0]))]
    for layer in model.encoder.layers:
        hooks.append(layer.register_forward_hook(lambda module, inputs, output: states.append(output[0])))
    prepare = Wav2Vec2FeatureExtractor(sampling_rate=24_000, do_normalize=True, return_attention_mask=True)
    with torch.no_grad():
        model(prepare(clip.numpy(), sampling_rate=24_000, return_tensors="pt")["input_values"])
    for hook in hooks:
        hook.remove()
    return states


def test_contract(embedding: Mert) -> None:
    check_contract(embedding, seconds=2.0, rows=149)


@pytest.mark.parametrize("layers", [[0], [3], [1, 2, 3]])
def test_hidden_states(model: HubertModel, files: tuple[Path, Path], layers: list[int]) -> None:
    clip = 0.1 * audio(Mert(*files, layers=layers), 1.5) + 0.02
    states = outputs(model, clip)
    expected = torch.stack([states[layer] for layer in layers]).mean(dim=0)
    torch.testing.assert_close(Mert(*files, layers=layers).embed(clip), expected, rtol=0, atol=1e-5)


def test_long_clips_are_cut_into_equal_windows(embedding: Mert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mert, "window", 24_000)
    clip = audio(embedding, 2.5)
    parts = [embedding.embed(part) for part in clip.split(20_000)]
    assert [len(part) for part in parts] == [62, 62, 62]
    torch.testing.assert_close(embedding.embed(clip), torch.cat(parts), rtol=0, atol=1e-6)


def test_bad_weights(files: tuple[Path, Path], tmp_path: Path) -> None:
    config, checkpoint = files
    check_bad_pickles(lambda path: Mert(config, path, [3]), checkpoint, tmp_path, "m-a-p/MERT-v1-95M")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feature_extractor_cqt": True}, "feature_extractor_cqt is on"),
        ({"deepnorm": True}, "deepnorm is on"),
        ({"sample_rate": 16_000}, "sample_rate is 16000"),
        ({"hidden_size": "wide"}, "cannot be used"),
    ],
)
def test_bad_configurations(files: tuple[Path, Path], change: dict[str, object], message: str) -> None:
    config, checkpoint = files
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    refused(lambda path: Mert(path, checkpoint, [3]), config, message, "m-a-p/MERT-v1-95M")


@pytest.mark.parametrize("layers", [[], [4], [-1]])
def test_layers_that_are_not_there(files: tuple[Path, Path], layers: list[int]) -> None:
    config, checkpoint = files
    refused(lambda path: Mert(path, checkpoint, layers), config, "expected numbers from 0 to 3")
