"""AGC with random weights in the hub's format, against the authors' package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from m2l_bench.codecs.agc import EXPECTED, Agc

pytestmark = pytest.mark.skipif(not Agc.availability(), reason=str(Agc.availability()))
FORMS = pytest.mark.parametrize("form", ["agc-continuous", "agc-discrete"])


@pytest.fixture
def files(form: str, tmp_path: Path) -> tuple[Path, Path]:
    random_network(form).save_pretrained(tmp_path)
    return tmp_path / "config.json", tmp_path / "model.safetensors"


@pytest.mark.full
@FORMS
def test_contract(files: tuple[Path, Path]) -> None:
    check_contract(Agc(*files), features=64)
    check_runner(Agc(*files))


@FORMS
def test_equal_to_the_authors_package(files: tuple[Path, Path], form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own calls, without the noise that makes a sample of the posterior."""
    codec, reference = Agc(*files), random_network(form).network
    clip = torch.cat([audio(codec, 5000), audio(codec, 5000, seed=1)])
    monkeypatch.setattr("torch.randn_like", torch.zeros_like)
    with torch.no_grad():
        latents = reference.encode(clip)
        samples = reference.decode(latents)
    ours = codec.encode(clip)
    if form == "agc-discrete":
        assert ours.shape == (2, 24, 6) and len(ours.unique()) > 24
        assert torch.equal(ours.long(), latents)
        assert codec.transmitted(ours) == (2 * 24 * 6, 2 * 24 * 6 * 11)
    else:
        assert ours.shape == (2, 32, 11)
        torch.testing.assert_close(ours, latents, rtol=0, atol=1e-6)
        assert codec.transmitted(ours) == (2 * 32 * 11, 2 * 32 * 11 * 32)
    torch.testing.assert_close(codec.decode(ours, 5000), samples, rtol=0, atol=1e-5)


@pytest.mark.full
@pytest.mark.parametrize("form", ["agc-discrete"])
def test_bad_files(files: tuple[Path, Path], capfd: Any) -> None:
    check_bad_files(Agc, *files, EXPECTED, capfd)
    check_bad_configurations(
        Agc,
        *files,
        EXPECTED,
        ('{"model_type": "dac", "sample_rate": 48000}', "('dac', 48000)"),
        ('{"model_type": "agc", "sample_rate": 48000, "encoder_rates": 3}', "cannot be used"),
    )
