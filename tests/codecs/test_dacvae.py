"""DACVAE with random weights under the published names, against recorded outputs of the authors' code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.codec_checks import audio, check_bad_pickles, check_contract, check_runner

from devtools.random_networks import random_network
from devtools.upstream_weights import upstream_audio
from m2l_bench.codecs.dacvae import EXPECTED, DacVae

PARITY = np.load(Path(__file__).parent / "data" / "dacvae_parity.npz")
"""What a public copy of the authors' code (kadirnar/fast-dacvae, commit 406f2e5) makes of 5,260 samples: `latents`, and
`audio` with the watermark of `message`, with the shapes of the tensors. Made by `scripts/record_vaes.py` on
PyTorch 2.13."""
NARROW = {"encoder": 4, "decoder": 96}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    random_network("dacvae").save_pretrained(tmp_path)
    return tmp_path / "weights.pth"


def test_equal_to_the_authors(file: Path) -> None:
    codec = DacVae(file, **NARROW)
    codec.model.double()  # single precision rounds differently on each processor
    latents = codec.encode(torch.from_numpy(upstream_audio(1, 1, 5260)).double())
    np.testing.assert_allclose(latents, PARITY["latents"], rtol=0, atol=1e-6)
    plain = codec.model.decoder(codec.model.out_proj(latents))
    watermark = codec.model.watermark(plain, torch.from_numpy(PARITY["message"]).bool())
    np.testing.assert_allclose(plain + watermark, PARITY["audio"], rtol=0, atol=1e-6)
    assert watermark.std() > 0.01 and plain.std() > 0.01 and PARITY["latents"].std() > 0.1


def test_the_message_is_each_generator_s_alone(file: Path) -> None:
    codec = DacVae(file, **NARROW)
    latents = torch.cat([codec.encode(audio(codec, 100, seed)) for seed in (0, 1)])
    first, second = (codec.decode(latents[i : i + 1], 100, generator=generator(i)) for i in (0, 1))
    both = codec.decode(latents, 100, generator=[generator(0), generator(1)])
    torch.testing.assert_close(both, torch.cat([first, second]), rtol=0, atol=1e-5)
    assert not torch.equal(codec.decode(latents[:1], 100, generator=generator(1)), first)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.full
def test_contract(file: Path) -> None:
    check_contract(DacVae(file, **NARROW), features=64)
    check_runner(DacVae(file, **NARROW))


@pytest.mark.full
def test_bad_files(file: Path, capfd: Any) -> None:
    from m2l_bench.codecs.dacvae_network import rename_tensors

    def rename(name: str) -> str:
        (new_name,) = rename_tensors({name: torch.zeros(1)})
        return new_name

    check_bad_pickles(lambda path: DacVae(path, **NARROW), file, EXPECTED, capfd, "state_dict", rename)
