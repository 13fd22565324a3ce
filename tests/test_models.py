"""`m2l-bench models --long` and `m2l-bench models check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from conftest import Cli
from toy_codec import CARD, Denoiser

from m2l_bench.cards import Latents, SystemCard, load_cards
from m2l_bench.codec_check import check_codec
from m2l_bench.codec_runner import CodecRunner
from m2l_bench.systems import load_codec

TESTS = str(Path(__file__).parent)
LATENTS = Latents(sample_rate=44_100, channels=1, width=1, samples=1)


def card(latents: Latents | None = LATENTS) -> SystemCard:
    return SystemCard.model_validate({**yaml.safe_load(CARD), "latents": latents})


def test_compression_is_the_paper_s() -> None:
    """Section 4.2: Music2Latent 4096x in time and 64x in all; Musika and Moûsai v2 as much in all, v3 half."""
    systems = load_cards().systems
    latents = {name: card.latents for name, card in systems.items() if card.latents}
    assert latents["music2latent"].samples == 4096
    totals = {name: latents[name].total_compression for name in ("music2latent", "musika", "mousaiv2", "mousaiv3")}
    assert totals == {"music2latent": 64, "musika": 64, "mousaiv2": 64, "mousaiv3": 32}
    rates = {name: round(one.kilobits_per_second, 2) for name, one in latents.items() if one.bits < 32}
    assert rates == {
        "dac": 7.75,
        "dac-4": 3.45,
        "encodec-48k": 24.0,
        "encodec-48k-4": 6.0,
        "mimi": 1.1,
        "mimi-32": 4.4,
    }


def test_every_codec_with_weights_says_what_its_latents_are() -> None:
    for one in load_cards().systems.values():
        if one.weights:
            assert one.latents and one.licence.code and one.licence.weights and one.citation and one.source
            assert one.options.get("codebooks", one.latents.width) == one.latents.width


def test_a_codec_that_is_what_its_card_says() -> None:
    found = check_codec(card(), CodecRunner(Denoiser()))
    assert not found.problems
    assert (found.latents, found.features) == ((1, 1, 44_100), (1, 1, 44_100))
    assert (found.values_per_second, found.bytes_per_second, found.compression) == (44_100, 4 * 44_100, 1)
    assert found.encode_seconds > 0 and found.decode_seconds > 0 and found.peak_memory_mb > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate": 48_000}, "the sample rate is 44100, the card says 48000"),
        ({"channels": 2}, "the number of channels is 1, the card says 2"),
        ({"width": 2}, "the width of latents is 1, the card says 2"),
        ({"samples": 512}, "one second is 44100.0 frames, by the card's 512 samples a frame 86.1"),
        ({"bits": 10}, "a number of the latents takes 32.0 bits, the card says 10"),
    ],
)
def test_a_card_that_is_wrong(change: dict[str, int], message: str) -> None:
    found = check_codec(card(LATENTS.model_copy(update=change)), CodecRunner(Denoiser()))
    assert message in found.problems


class Unsteady(Denoiser):
    """Ignores the seed."""

    def decode(self, latents: torch.Tensor, samples: int, **_: object) -> torch.Tensor:
        return latents + torch.randn(latents.shape)


class Broken(Denoiser):
    def decode(self, latents: torch.Tensor, samples: int, **_: object) -> torch.Tensor:
        return latents[..., 1:] * torch.nan

    def features(self, audio: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def test_a_codec_that_breaks_its_word() -> None:
    unsteady = check_codec(card(None), CodecRunner(Unsteady()))
    assert unsteady.problems == ["samples of the same audio and seed differ from run to run"]
    broken = check_codec(card(None), CodecRunner(Broken()))
    assert broken.features is None
    assert broken.problems[:2] == ["gives (1, 1, 44099) for audio of (1, 1, 44100)", "gives NaN or infinite samples"]


@pytest.mark.parametrize("name", ["opus-12k", "mp3-32k"])
def test_a_stream_may_carry_a_serial_number(name: str) -> None:
    found = check_codec(load_cards().system(name), load_codec(name))
    assert not found.problems and found.features is None


def test_from_the_command_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    path = tmp_path / "cards" / "denoiser.yaml"
    path.write_text(CARD + "latents: {sample_rate: 44100, channels: 1, width: 1, samples: 1}\n")
    check = ("models", "check", "denoiser", "--cards", "cards")
    done = cli(*check, PYTHONPATH=TESTS)
    assert done.returncode == 0, done.stderr
    assert "1 x 1 x 44,100" in done.stdout and "x real time" in done.stdout
    found = json.loads(cli(*check, "--json", PYTHONPATH=TESTS).stdout)
    assert found["name"] == "denoiser" and found["latents"] == [1, 1, 44_100] and found["problems"] == []
    path.write_text(path.read_text().replace("width: 1", "width: 2"))
    wrong = cli(*check, PYTHONPATH=TESTS)
    assert wrong.returncode == 1
    assert "error: denoiser: the width of latents is 1, the card says 2" in wrong.stderr
    assert len(wrong.stderr.strip().splitlines()) == 1


def test_what_cannot_be_checked_says_why(cli: Cli) -> None:
    for name, message in (("reference", "has no encoder and decoder"), ("dac", "weights get dac"), ("da", "'dac'")):
        result = cli("models", "check", name, HF_HOME="none")
        assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
        assert message in result.stderr


def test_the_long_list(cli: Cli) -> None:
    result = cli("models", "--long", HF_HOME="none")
    assert result.returncode == 0, result.stderr
    row = next(line for line in result.stdout.splitlines() if "music2latent" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("music2latent", "44100", "1", "64", "10.8", "22.1", "4096x", "64.0x", "1", "MIT", "CC-BY-NC-4.0", ""),
    ]
    assert "dac: m2l-bench weights get dac" in result.stdout
