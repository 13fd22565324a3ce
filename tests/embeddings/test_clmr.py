"""CLMR against recorded outputs of the authors' network; random weights in the published format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.embedding_checks import Malicious, audio, check_bad_pickles, check_blocks, check_contract, refused

from devtools.upstream_weights import upstream_audio, upstream_weights
from m2l_bench.cards import load_cards
from m2l_bench.embeddings import clmr
from m2l_bench.embeddings.clmr import INSIDE, WINDOW, Clmr
from m2l_bench.probing.models import models_to_probe
from m2l_bench.systems.embedding_runner import load_embedding

PARITY = np.load(Path(__file__).parent / "clmr_parity" / "original.npz")
"""Made by scripts/record_clmr.py with the authors' code."""
ARCHIVE = "clmr_checkpoint_10000.zip"
Tensors = dict[str, torch.Tensor]


def encoder() -> Tensors:
    """Tensors by the names of the authors' network, counters of batches among them."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(PARITY["shapes"])).items()}
    weights = upstream_weights({name: shape for name, shape in shapes.items() if not name.endswith("_tracked")})
    return {name: torch.from_numpy(weights[name]) if name in weights else torch.tensor(7) for name in shapes}


def plain() -> Tensors:
    """The whole model: encoder without its last layer, and the projection."""
    state = {f"encoder.{name}": tensor for name, tensor in encoder().items() if not name.startswith("fc.")}
    return state | {"projector.0.weight": torch.zeros(512, 512), "projector.2.weight": torch.zeros(64, 512)}


def of_lightning() -> dict[str, object]:
    """The model twice, its encoder the second time under a name of its own, and what Lightning saves beside it."""
    state = {f"model.{name}": tensor for name, tensor in plain().items()}
    state |= {f"encoder.{name}": tensor for name, tensor in encoder().items()}
    return {"pytorch-lightning_version": "1.2.1", "epoch": 3, "state_dict": state}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published archive: the model and, beside it, the optimiser's state."""
    folder = tmp_path_factory.mktemp("clmr")
    torch.save(plain(), folder / INSIDE)
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        archive.writestr("clmr_checkpoint_10000_optim.pt", b"not read")
        archive.write(folder / INSIDE, f"clmr_checkpoint_10000/{INSIDE}")
    return folder / ARCHIVE


@pytest.fixture(scope="module")
def embedding(checkpoint: Path) -> Clmr:
    return Clmr(checkpoint)


def test_equal_to_the_authors(embedding: Clmr) -> None:
    """Numbers of order 0.1. Measured: no difference on the machine of the recording."""
    clip = torch.from_numpy(upstream_audio(2, 1, WINDOW).reshape(-1))
    vectors = embedding.embed(clip)
    np.testing.assert_allclose(vectors, PARITY["vectors"], rtol=0, atol=1e-5)
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3  # one window cannot pass for the other


def test_contract(embedding: Clmr) -> None:
    check_contract(embedding, seconds=6.0, rows=3)
    assert embedding.minimum_seconds * embedding.sample_rate == WINDOW


def test_windows_one_by_one(embedding: Clmr, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one filled with zeros, as mir_ref does."""
    clip = audio(embedding, 10.0)
    padded = torch.cat([clip, torch.zeros(4 * WINDOW - len(clip))])
    one_by_one = torch.cat([embedding.embed(window) for window in padded.split(WINDOW)])
    monkeypatch.setattr(clmr, "BATCH", 3)
    torch.testing.assert_close(embedding.embed(clip), one_by_one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("content", [plain, of_lightning, encoder])
def test_every_layout(content: Callable[[], object], embedding: Clmr, tmp_path: Path) -> None:
    """The file by itself, as PyTorch or Lightning writes it, or of the encoder alone."""
    torch.save(content(), tmp_path / "model.pt")
    clip = audio(embedding, 3.0)
    assert torch.equal(Clmr(tmp_path / "model.pt").embed(clip), embedding.embed(clip))


def test_bad_files(checkpoint: Path, tmp_path: Path) -> None:
    check_bad_pickles(Clmr, checkpoint.with_name(INSIDE), tmp_path, "CLMR's encoder")
    torch.save({name: tensor for name, tensor in plain().items() if "9.1.weight" not in name}, tmp_path / "lacks.pt")
    refused(Clmr, tmp_path / "lacks.pt", "it lacks 1 tensors, first 9.1.weight")


def test_bad_archives(checkpoint: Path, tmp_path: Path) -> None:
    cut, damaged, other, evil = (tmp_path / f"{name}.zip" for name in ("cut", "damaged", "other", "evil"))
    content = checkpoint.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    refused(Clmr, cut, "cannot be read as a PyTorch checkpoint", "CLMR's encoder")
    damaged.write_bytes(content[:5000] + bytes(100) + content[5100:])
    refused(Clmr, damaged, "not a whole zip archive", "CLMR's encoder")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    refused(Clmr, other, "cannot be read as a PyTorch checkpoint", "CLMR's encoder")
    torch.save({"state_dict": {}, "optimizer": Malicious(tmp_path / "ran")}, tmp_path / "evil.pt")
    with zipfile.ZipFile(evil, "w") as archive:
        archive.write(tmp_path / "evil.pt", INSIDE)
    refused(Clmr, evil, "without running code")
    assert not (tmp_path / "ran").exists()


def test_through_its_card(checkpoint: Path, embedding: Clmr) -> None:
    cards = load_cards()
    assert "clmr" in [model.name for model in models_to_probe(cards, [])]
    card = cards.embedding("clmr")
    assert card.paper_row == "CLMR" and card.weights["checkpoint"].name == ARCHIVE
    runner = load_embedding(card, weights_dir=checkpoint.parent)
    clip = audio(embedding, 3.0)
    np.testing.assert_allclose(runner.embed(clip.numpy()[None], 22_050), embedding.embed(clip), rtol=0, atol=1e-6)


def test_blocks_change_nothing(embedding: Clmr, monkeypatch: pytest.MonkeyPatch) -> None:
    check_blocks(embedding, clmr, monkeypatch, batches=4)
