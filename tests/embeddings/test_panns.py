"""CNN14 against recorded outputs of the authors' network; random weights in the published format.

All networks but one are narrow.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.embedding_checks import audio, check_bad_pickles, check_blocks, check_contract, refused

from devtools.upstream_weights import upstream_audio, upstream_weights
from m2l_bench.cards import load_cards
from m2l_bench.embeddings import panns
from m2l_bench.embeddings.panns import UNUSED, WINDOW, Panns
from m2l_bench.systems.embedding_runner import load_embedding

PARITY = np.load(Path(__file__).parent / "panns_parity" / "original.npz")
"""Made by scripts/record_panns.py with the authors' code."""
NARROW = (1, 4, 8, 8, 16, 16, 32)
NAME = "Cnn14_mAP=0.431.pth"
Tensors = dict[str, torch.Tensor]


def state() -> Tensors:
    """Tensors by the names of the authors' network, counters of batches and the front end among them."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(PARITY["narrow"])).items()}
    learned = {name: shape for name, shape in shapes.items() if not name.endswith("_tracked") and "stft" not in name}
    weights = upstream_weights(learned)
    weights["logmel_extractor.melW"] = np.abs(weights["logmel_extractor.melW"])
    tensors = {name: torch.from_numpy(weights[name]) if name in weights else torch.tensor(7) for name in shapes}
    return tensors | {name: torch.zeros(3, 1, 4) for name in shapes if "stft" in name}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network and the number of steps, in the format of PyTorch before 1.6."""
    path = tmp_path_factory.mktemp("panns") / NAME
    torch.save({"iteration": 600_000, "model": state()}, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panns, "WIDTHS", NARROW)


@pytest.fixture
def embedding(checkpoint: Path) -> Panns:
    return Panns(checkpoint)


def test_equal_to_the_authors(embedding: Panns) -> None:
    """Numbers of order 0.1. Measured: 3e-8 on the machine of the recording."""
    clips = torch.from_numpy(upstream_audio(2, 48_000)) * torch.tensor([[1.0], [0.01]])
    vectors = torch.cat([embedding.embed(clip) for clip in clips])
    np.testing.assert_allclose(vectors, PARITY["vectors"], rtol=0, atol=1e-5)
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3  # one clip cannot pass for the other


def test_the_full_width_is_that_of_the_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with torch.device("meta"):
        shapes = {name: list(tensor.shape) for name, tensor in panns.cnn14().state_dict().items()}
    theirs = json.loads(str(PARITY["shapes"]))
    assert shapes == {name: shape for name, shape in theirs.items() if not name.startswith(UNUSED)}


def test_contract(embedding: Panns, monkeypatch: pytest.MonkeyPatch) -> None:
    """With windows of 3 s in place of 10 s, for speed."""
    assert embedding.sample_rate * 10 == WINDOW
    monkeypatch.setattr(panns, "WINDOW", 3 * embedding.sample_rate)
    check_contract(embedding, seconds=4.5, rows=2)


def test_windows_one_by_one(embedding: Panns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one has its own length, or is left out if it is shorter than a second."""
    monkeypatch.setattr(panns, "WINDOW", 64_000)
    monkeypatch.setattr(panns, "BATCH", 2)
    clip = audio(embedding, 7.2)
    one_by_one = torch.cat([embedding.embed(window) for window in clip.split(64_000)])
    assert one_by_one.shape == (4, 32)
    torch.testing.assert_close(embedding.embed(clip), one_by_one, rtol=0, atol=1e-6)
    torch.testing.assert_close(embedding.embed(clip[:220_000]), one_by_one[:3], rtol=0, atol=1e-6)


def test_bad_files(checkpoint: Path, tmp_path: Path) -> None:
    check_bad_pickles(Panns, checkpoint, tmp_path, "the CNN14 of PANNs")
    torch.save({"model": state() | {"bn0.bias": torch.zeros(3)}}, tmp_path / "shape.pth")
    refused(Panns, tmp_path / "shape.pth", "bn0.bias has the shape (3,) instead of (64,)")


def test_through_its_card(checkpoint: Path, embedding: Panns) -> None:
    card = load_cards().embedding("panns")
    weights = {"checkpoint": card.weights["checkpoint"].model_copy(update={"sha256": ""})}
    runner = load_embedding(card.model_copy(update={"weights": weights}), weights_dir=checkpoint.parent)
    clip = audio(embedding, 1.5)
    np.testing.assert_allclose(runner.embed(clip.numpy()[None], 32_000), embedding.embed(clip), rtol=0, atol=1e-6)


def test_blocks_change_nothing(embedding: Panns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panns, "WINDOW", WINDOW // 5)
    blocks = panns.Blocks(4 * panns.BATCH * panns.WINDOW, least=panns.TAIL)
    monkeypatch.setattr(embedding, "blocks", blocks, raising=False)
    check_blocks(embedding, panns, monkeypatch, batches=4)
