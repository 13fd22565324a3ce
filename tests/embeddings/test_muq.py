"""MuQ against recorded outputs of the authors' network; a small one with random weights in the published format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.embedding_checks import audio, check_contract, refused

from devtools.upstream_weights import upstream_audio, upstream_weights
from m2l_bench.embeddings.muq import MuQ

PARITY = np.load(Path(__file__).parent / "muq_parity" / "original.npz")
"""Made by scripts/record_muq.py with the authors' code."""
CONFIG = json.loads(str(PARITY["config"]))


def state() -> dict[str, torch.Tensor]:
    """Tensors by the names of the authors' network, with those that only training uses."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(PARITY["shapes"])).items()}
    learned = {name: shape for name, shape in shapes.items() if not name.endswith(("_tracked", "_freq"))}
    tensors = {name: torch.from_numpy(array) for name, array in upstream_weights(learned).items()}
    tensors |= {name: torch.tensor(7) for name in shapes if name.endswith("_tracked")}
    half = CONFIG["encoder_dim"] // CONFIG["w2v2_config"]["num_attention_heads"] // 2
    return tensors | {name: 10_000 ** -(torch.arange(half) / half) for name in shapes if name.endswith("_freq")}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    config, checkpoint = tmp_path / "config.json", tmp_path / "model.safetensors"
    config.write_text(json.dumps(CONFIG))
    save_file(state(), checkpoint)
    return config, checkpoint


@pytest.mark.parametrize("layers", [[0], [2], [0, 1, 2]])
def test_equal_to_the_authors(files: tuple[Path, Path], layers: list[int]) -> None:
    """Numbers of order 1. Measured: 1.2e-6 on the machine of the recording."""
    vectors = MuQ(*files, layers=layers).embed(torch.from_numpy(upstream_audio(12_000)))
    expected = PARITY["states"][layers].mean(0)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    assert expected.std(0).min() > 1e-3  # one frame cannot pass for another


def test_contract(files: tuple[Path, Path]) -> None:
    embedding = MuQ(*files, layers=[2])
    check_contract(embedding, seconds=2.0, rows=50)


def test_long_clips_are_cut_into_equal_windows(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    embedding = MuQ(*files, layers=[1])
    monkeypatch.setattr(MuQ, "window", 24_000)
    clip = audio(embedding, 2.4)
    parts = [embedding.embed(part) for part in clip.split(19_200)]
    assert [len(part) for part in parts] == [20, 20, 20]
    torch.testing.assert_close(embedding.embed(clip), torch.cat(parts), rtol=0, atol=1e-6)


def test_bad_weights(files: tuple[Path, Path], tmp_path: Path) -> None:
    config, checkpoint = files
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    refused(lambda path: MuQ(config, path, [2]), checkpoint, "not a whole safetensors file", "OpenMuQ")
    save_file({"model.conv.linear.bias": torch.zeros(3)}, checkpoint)
    refused(lambda path: MuQ(config, path, [2]), checkpoint, "it lacks", "OpenMuQ")
    refused(lambda path: MuQ(config, path, [2]), tmp_path / "none", "no such file", "OpenMuQ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_rate": 50}, "label_rate, hop_length, n_mels are (50, 240, 128)"),
        ({"stat": {}}, "cannot be used"),
        ({"w2v2_config": None}, "cannot be used"),
        ({"encoder_dim": "wide"}, "cannot be used"),
    ],
)
def test_bad_configurations(files: tuple[Path, Path], change: dict[str, object], message: str) -> None:
    config, checkpoint = files
    config.write_text(json.dumps(CONFIG | change))
    refused(lambda path: MuQ(path, checkpoint, [2]), config, message, "OpenMuQ/MuQ-large-msd-iter")


@pytest.mark.parametrize("layers", [[], [3], [-1]])
def test_layers_that_are_not_there(files: tuple[Path, Path], layers: list[int]) -> None:
    config, checkpoint = files
    refused(lambda path: MuQ(path, checkpoint, layers), config, "expected numbers from 0 to 2")
