"""VGGish with random weights in the format of the published file, which PyTorch before 1.6 wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.embedding_checks import audio, check_bad_pickles, check_blocks, check_contract
from torchvggish import VGG, make_layers
from torchvggish.vggish_input import waveform_to_examples

from m2l_bench.embeddings import vggish
from m2l_bench.embeddings.vggish import VGGish


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vggish") / "vggish-10086976.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = VGG(make_layers(), postprocess=False).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def embedding(checkpoint: Path) -> VGGish:
    return VGGish(checkpoint)


def test_contract(embedding: VGGish) -> None:
    check_contract(embedding, seconds=3.0, rows=3)
    assert embedding.minimum_seconds == 0.975


def test_without_the_last_activation(embedding: VGGish) -> None:
    assert (embedding.embed(audio(embedding, 1)) < 0).any()


def test_batches_change_nothing(embedding: VGGish, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the package's front end and network over the whole clip at once."""
    clip = audio(embedding, 7.3)
    with torch.no_grad():
        whole = embedding.network(waveform_to_examples(clip.numpy(), 16_000))
    monkeypatch.setattr(vggish, "BATCH", 2)
    batched = embedding.embed(clip)
    assert batched.shape == whole.shape == (7, 128)
    np.testing.assert_allclose(batched, whole, rtol=0, atol=1e-6)


def test_bad_files(checkpoint: Path, tmp_path: Path) -> None:
    check_bad_pickles(VGGish, checkpoint, tmp_path, "the VGGish of torchvggish")


def test_blocks_change_nothing(embedding: VGGish, monkeypatch: pytest.MonkeyPatch) -> None:
    check_blocks(embedding, vggish, monkeypatch, batches=4)
