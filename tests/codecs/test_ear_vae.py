"""εar-VAE with random weights under the published names, against recorded outputs of the authors' code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.codec_checks import check_bad_pickles, check_contract, check_runner

from devtools.random_networks import random_network
from devtools.upstream_weights import upstream_audio
from m2l_bench.codecs.ear_vae import EXPECTED, EarVae

PARITY = np.load(Path(__file__).parent / "data" / "ear_vae_parity.npz")
"""What the authors' code (commit 15a804b) makes of 5,120 samples in stereo: `latents` and `audio`, with the shapes of
the tensors. Made by `scripts/record_vaes.py` on PyTorch 2.13."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    random_network("ear-vae").save_pretrained(tmp_path)
    return tmp_path / "ear_vae_44k.pyt"


def test_equal_to_the_authors(file: Path) -> None:
    codec = EarVae(file, width=8)
    codec.model.double()  # single precision rounds differently on each processor
    latents = codec.encode(torch.from_numpy(upstream_audio(1, 2, 5120)).double())
    np.testing.assert_allclose(latents, PARITY["latents"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(codec.decode(latents, 5120), PARITY["audio"], rtol=0, atol=1e-6)
    assert PARITY["audio"].std() > 0.1 and PARITY["latents"].std() > 0.1


@pytest.mark.full
def test_contract(file: Path) -> None:
    check_contract(EarVae(file, width=8), features=128)
    check_runner(EarVae(file, width=8))


def test_attention_reaches_all_frames(file: Path) -> None:
    """And what comes before the decoder has the shape of the latents."""
    transformer = EarVae(file, width=8).model.transformer
    latents = torch.from_numpy(upstream_audio(1, 64, 9))
    other = latents.clone()
    other[..., 0] *= -1
    assert transformer(latents).shape == latents.shape
    assert (transformer(latents) != transformer(other)).any(dim=1).all()


@pytest.mark.full
def test_bad_files(file: Path, capfd: Any) -> None:
    from m2l_bench.codecs.ear_vae_network import rename_tensors

    def rename(name: str) -> str:
        (new_name,) = rename_tensors({name: torch.zeros(1)})
        return new_name

    check_bad_pickles(lambda path: EarVae(path, width=8), file, EXPECTED, capfd, rename=rename)
