"""CLAP with random weights in the format of LAION's checkpoints; held against laion-clap in `tests_upstream`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.embedding_checks import Malicious, audio, check_bad_pickles, check_blocks, check_contract, refused

from devtools.embedding_files import random_clap, write_laion
from m2l_bench.embeddings import clap, laion
from m2l_bench.embeddings.clap import Clap
from m2l_bench.errors import UserError

SMALL = {
    "patch_embeds_hidden_size": 16,
    "hidden_size": 128,
    "depths": [1, 2, 1, 1],
    "num_attention_heads": [1, 2, 4, 8],
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setitem(laion.SIZES, "HTSAT-tiny", SMALL)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_laion(random_clap(), tmp_path / "clap.pt")


@pytest.fixture
def embedding(checkpoint: Path) -> Clap:
    return Clap(checkpoint, "HTSAT-tiny")


def test_contract(embedding: Clap) -> None:
    check_contract(embedding, seconds=10.0, rows=1)
    vectors = embedding.embed(audio(embedding, 12))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_the_weights_are_those_of_the_file(embedding: Clap) -> None:
    expected = random_clap().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in embedding.network.state_dict().items())


@pytest.mark.parametrize(("seconds", "windows"), [(1, 1), (9.99, 1), (10, 1), (10.99, 1), (11, 2), (20, 2), (31, 4)])
def test_windows(embedding: Clap, seconds: float, windows: int) -> None:
    """Ten seconds each; what is left counts from one second on."""
    assert len(embedding.embed(torch.zeros(round(seconds * 48_000)))) == windows


def test_a_window_is_a_clip_of_its_own(embedding: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clap, "BATCH", 2)
    clip = audio(embedding, 24)
    parts = [embedding.embed(part) for part in clip.split(480_000)]
    torch.testing.assert_close(embedding.embed(clip), torch.cat(parts), rtol=0, atol=1e-6)


def test_a_short_clip_is_repeated(embedding: Clap) -> None:
    clip = audio(embedding, 3)
    repeated = torch.cat([clip, clip, clip, torch.zeros(48_000)])
    torch.testing.assert_close(embedding.embed(clip), embedding.embed(repeated))


def test_sixteen_bits() -> None:
    """Beyond full scale is clipped, and rounding is towards zero."""
    samples = np.array([-2, -1, -0.99999, -1e-5, 0, 1e-5, 0.5, 1, 2], np.float32)
    steps = clap._quantise_to_16_bits(samples) * 32767
    np.testing.assert_allclose(steps, [-32767, -32767, -32766, 0, 0, 0, 16383, 32767, 32767], rtol=1e-7)


def test_bad_files(checkpoint: Path, tmp_path: Path) -> None:
    check_bad_pickles(lambda path: Clap(path, "HTSAT-tiny"), checkpoint, tmp_path, "whose audio tower is HTSAT-tiny")


def test_code_beside_good_weights_never_runs(tmp_path: Path) -> None:
    path = write_laion(random_clap(), tmp_path / "evil.pt", scheduler=Malicious(tmp_path / "ran"))
    refused(lambda path: Clap(path, "HTSAT-tiny"), path, "without running code")
    assert not (tmp_path / "ran").exists()


def test_another_tower(checkpoint: Path) -> None:
    refused(lambda path: Clap(path, "HTSAT-base"), checkpoint, "whose audio tower is HTSAT-base", "it lacks")
    with pytest.raises(UserError, match="no tower 'base': expected one of HTSAT-tiny, HTSAT-base"):
        Clap(checkpoint, "base")  # type: ignore[arg-type]


def test_a_checkpoint_with_fusion(tmp_path: Path) -> None:
    extra = {"audio_model.audio_encoder.patch_embed.mel_conv2d.weight": torch.rand(1)}
    network = random_clap()
    tensors = network.state_dict() | extra
    network.state_dict = lambda: tensors  # type: ignore[method-assign]
    path = write_laion(network, tmp_path / "fusion.pt")
    refused(lambda path: Clap(path, "HTSAT-tiny"), path, "without fusion", "also holds 1 tensors", "mel_conv2d")


@pytest.mark.slow
@pytest.mark.full
def test_full_size(tmp_path: Path) -> None:
    embedding = Clap(write_laion(random_clap("HTSAT-base"), tmp_path / "clap.pt"), "HTSAT-base")
    check_contract(embedding, seconds=10.0, rows=1)


def test_blocks_change_nothing(embedding: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
    check_blocks(embedding, clap, monkeypatch, batches=2)
