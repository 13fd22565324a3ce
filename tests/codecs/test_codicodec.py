"""CoDiCodec with random weights in the hub's format, against the authors' package."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from support.codec_checks import audio, check_bad_pickles, check_contract, check_runner

from m2l_bench.cards import load_cards
from m2l_bench.codecs import codicodec as adapter
from m2l_bench.codecs.codicodec import BLOCK, EXPECTED, HOP, CoDiCodec
from m2l_bench.codecs.recorded import Recorded
from m2l_bench.systems.check import check_codec
from m2l_bench.systems.loading import availability, load_runner, load_system, recorded_card

NARROW = {
    "dim": 32,
    "heads": 2,
    "cond_channels": 32,
    "num_layers": 1,
    "num_layers_encoder": 1,
    "frontend_base_channels": 4,
    "frontend_layers_list": [1, 1, 1, 1],
    "frontend_encoder_layers_list": [1, 1, 1, 1],
}
"""The published structure, with few channels and layers."""


@pytest.fixture(scope="module", autouse=True)
def upstream() -> Iterator[Any]:
    """The package, its network narrow, and no file that it could fetch."""
    with adapter._restored_settings():
        from codicodec import inference, models
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NARROW.items():
            patch.setattr(models, name, value)
        patch.setattr(inference, "download_model", lambda: None)
        yield inference


@pytest.fixture(scope="module")
def file(upstream: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the authors' trainer leaves it: the network's tensors beside numbers, some of them of numpy."""
    path = tmp_path_factory.mktemp("weights") / "codicodec.pt"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = upstream.UNet()
        for parameter in network.parameters():
            if not parameter.any():  # many layers start at zero
                parameter.data.normal_(0, 0.1)
    torch.save({"gen_state_dict": network.state_dict(), "it": 800_000, "loss": np.float64(0.5)}, path)
    return path


@pytest.fixture(scope="module")
def theirs(upstream: Any, file: Path) -> Any:
    return upstream.EncoderDecoder(str(file), torch.device("cpu"))


@pytest.mark.parametrize(
    "options",
    [{}, pytest.param({"discrete": True, "mode": "autoregressive"}, marks=pytest.mark.full)],
    ids=["default", "others"],
)
def test_contract(file: Path, options: dict[str, Any]) -> None:
    codec = CoDiCodec(file, **options)
    check_contract(codec, features=512)
    check_runner(codec)


@pytest.mark.parametrize(
    ("frames", "discrete", "mode"),
    [
        (3, False, "parallel"),
        (1, True, "autoregressive"),
        (2, True, "autoregressive"),
        pytest.param(1, False, "parallel", marks=pytest.mark.full),
        pytest.param(3, True, "parallel", marks=pytest.mark.full),
        pytest.param(3, False, "autoregressive", marks=pytest.mark.full),
    ],
)
def test_equal_to_the_authors_package(
    file: Path, theirs: Any, frames: int, discrete: bool, mode: Literal["parallel", "autoregressive"]
) -> None:
    """Their own calls, of what the adapter makes of the audio: half a window more at both ends."""
    codec = CoDiCodec(file, discrete, mode)
    samples = frames * BLOCK * HOP - HOP
    clip = torch.cat([audio(codec, samples), audio(codec, samples, seed=1)])
    latents = codec.encode(clip)
    expected = theirs.encode(torch.nn.functional.pad(clip, (HOP, HOP)), discrete=discrete)
    if discrete:
        assert expected.shape == (2, frames, 128) and len(expected.unique()) > 10
        assert latents.dtype == torch.int16 and torch.equal(latents, expected.mT)
    else:
        assert expected.shape == (2, frames, 8, 64)
        torch.testing.assert_close(latents, expected.reshape(2, frames, 512).mT, rtol=0, atol=1e-5)
    decoded = codec.decode(latents, samples, steps=2, generator=torch.Generator().manual_seed(3))
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=torch.Generator().manual_seed(3))))
        if mode == "autoregressive" and frames == 1:  # their call for files takes two or more
            theirs.reset()
            expected = theirs.decode_next(expected, denoising_steps=2, discrete=discrete)[..., : samples + HOP]
        else:
            expected = theirs.decode(expected, mode=mode, denoising_steps=2)[..., : samples + HOP]
    assert decoded.shape == (2, 2, samples)
    torch.testing.assert_close(decoded, expected[..., HOP:], rtol=0, atol=1e-4)
    assert decoded.std() > 1e-3


def test_codes_are_of_one_codebook_and_take_13_84_bits(file: Path) -> None:
    codec = CoDiCodec(file, discrete=True)
    latents = codec.encode(audio(codec, 2 * BLOCK * HOP - HOP))
    assert codec.codebook_entries == 11**4 and latents.shape == (1, 128, 2)
    assert torch.equal(codec.codes(latents)[0, 0, :128], latents[0, :, 0])
    assert torch.equal(codec.codes(latents)[0, 0, 128:], latents[0, :, 1])
    assert codec.transmitted(latents) == (256, 3543)  # 256 * log2(11^4) = 3542.5
    assert CoDiCodec(file).transmitted(codec.features(audio(codec, 1000))) == (512, 512 * 32)


def test_no_such_mode(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode is live: expected parallel or autoregressive"):
        CoDiCodec(tmp_path, mode="live")  # type: ignore[arg-type]


def test_noise_is_the_generator_s_alone(file: Path) -> None:
    codec = CoDiCodec(file)
    latents = codec.encode(audio(codec, 1000))
    state = torch.get_rng_state()
    first, again, other = (codec.decode(latents, 1000, generator=torch.Generator().manual_seed(i)) for i in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_float32_on_a_processor(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own setting is mixed precision, there too."""
    codec = CoDiCodec(file)
    clip = audio(codec, 1000)
    expected = codec.encode(clip)
    monkeypatch.setattr(codec.settings, "mixed_precision", True)
    assert torch.equal(codec.encode(clip), expected)
    monkeypatch.setattr(codec.settings, "mixed_precision", True)
    codec.decode(expected, 1000)
    assert codec.settings.mixed_precision is False


def test_importing_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package sets flags of PyTorch for the whole process."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "codicodec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    with adapter._restored_settings():  # whatever they are, for the tests after this one
        torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = False
        with adapter._restored_settings():
            importlib.import_module("codicodec")
            assert torch.backends.cudnn.benchmark and torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.benchmark and not torch.backends.cuda.matmul.allow_tf32
        assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


def test_published_sizes(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published widths, without numbers: as large as the card says, the shapes as the adapter has them."""
    from codicodec import hparams, models

    for name in NARROW:
        monkeypatch.setattr(models, name, getattr(hparams, name))
    for name in ("kaiming_uniform_", "xavier_uniform_", "uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    network = upstream.UNet()
    card = load_cards().system("codicodec")
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    assert numbers * 4e-6 == pytest.approx(card.weights["checkpoint"].megabytes, rel=0.003)
    network.to("meta")
    spectrum = torch.zeros(1, 4, HOP, BLOCK, device="meta")
    latents = network.encoder_forward(spectrum, dont_quantize=True)
    assert card.latents and latents.numel() == card.latents.width == 512
    pair = torch.cat([spectrum, spectrum], dim=-1)
    assert network.decoder_forward(pair, torch.cat([latents, latents], dim=-2)).shape == pair.shape


@pytest.mark.parametrize(
    ("name", "width", "steps", "frames"),
    [
        ("codicodec", 512, 5, 8),
        ("codicodec-2.38k", 128, 5, 8),
        pytest.param("codicodec-ar", 512, 2, 80, marks=pytest.mark.full),
    ],
)
def test_it_is_what_its_card_says(name: str, width: int, steps: int, frames: int, file: Path) -> None:
    card = load_cards().system(name)
    weights = {key: file.model_copy(update={"sha256": ""}) for key, file in card.weights.items()}
    card = card.model_copy(update={"weights": weights})
    runner = load_runner(card, weights_dir=file.parent)
    assert runner.steps == steps
    check = check_codec(card, runner)
    assert not check.problems
    assert check.latents == (1, width, 2) and check.features == (1, 512, 2)
    samples = round(runner.codec.sample_rate * (runner.chunk_seconds or 0))
    assert -(-(samples + HOP) // (BLOCK * HOP)) == frames


def test_recorded_files_of_the_discrete_form_are_still_read(tmp_path: Path) -> None:
    """`--recorded codicodec-2.38k=DIR`: no weights, no package."""
    card = recorded_card(load_cards(), "codicodec-2.38k", tmp_path)
    assert availability(card) and isinstance(load_system(card, steps=None, seed=0, device="cpu"), Recorded)


def test_bad_files(file: Path, capfd: Any) -> None:
    check_bad_pickles(CoDiCodec, file, EXPECTED, capfd, key="gen_state_dict")


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    state = availability(load_cards().system("codicodec"))
    assert (state.reason, state.command) == (
        "the package codicodec is not installed",
        "pip install 'm2l-bench[codicodec]'",
    )
