"""SNAC with random weights in the hub's format, against the author's package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.codec_checks import audio, check_bad_configurations, check_bad_pickles, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.snac import EXPECTED, Snac

pytestmark = pytest.mark.skipif(not Snac.availability(), reason=str(Snac.availability()))
WINDOW = 12_288
"""Samples of a window of attention."""


@pytest.fixture
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    random_network(getattr(request, "param", "snac")).save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "pytorch_model.bin"


@pytest.mark.full
@pytest.mark.parametrize("files", ["snac-without-noise"], indirect=True)
def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(Snac(*files), features=64)
    check_runner(Snac(*files))


def test_equal_to_the_author_s_package(files: tuple[Path, Path]) -> None:
    """Its own call, end to end, with the same noise: that of PyTorch's global generator."""
    samples = WINDOW + 1
    codec, reference = Snac(*files), random_network("snac").network
    clip = audio(codec, samples)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        theirs, codes = reference(clip)
        torch.manual_seed(1)
        latents = codec.encode(clip)
        ours = codec.decode(latents, samples)[..., :samples]
    assert latents.shape == (1, 15, 8)
    for book, rows in zip(codes, latents[0].split([1, 2, 4, 8]), strict=True):
        assert torch.equal(rows.T.flatten().long(), book[0]) and len(book.unique()) > 1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_noise_is_each_generator_s_alone(files: tuple[Path, Path]) -> None:
    codec = Snac(*files)
    latents = torch.cat([codec.encode(audio(codec, 100, seed)) for seed in (0, 1)])
    first, second = (codec.decode(latents[i : i + 1], 100, generator=generator(i)) for i in (0, 1))
    both = codec.decode(latents, 100, generator=[generator(0), generator(1)])
    torch.testing.assert_close(both, torch.cat([first, second]), rtol=0, atol=1e-5)
    assert not torch.equal(codec.decode(latents[:1], 100, generator=generator(1)), first)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rate(files: tuple[Path, Path]) -> None:
    """A window has 4 + 8 + 16 + 32 codes of 12 bits: 2.58 kb/s at 44.1 kHz, as published."""
    codec = Snac(*files)
    size = codec.transmitted(codec.encode(audio(codec, WINDOW)))
    assert size == (60, 60 * 12) and round(size.bits * 44.1 / WINDOW, 2) == 2.58


@pytest.mark.full
def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_pickles(lambda checkpoint: Snac(files[0], checkpoint), files[1], EXPECTED, capfd)
    check_bad_configurations(
        Snac,
        *files,
        EXPECTED,
        ('{"sampling_rate": 44.1}', "sampling_rate is 44.1"),
        ('{"sampling_rate": 44100, "model_type": "dac"}', "cannot be used"),
    )
