"""`m2l-bench models --long` and `m2l-bench models check`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from support.audio import music, write
from support.command_line import TESTS, Cli
from support.toy_codec import CARD, Denoiser

from m2l_bench.cards import Latents, SystemCard, load_cards
from m2l_bench.codecs.base import Codec
from m2l_bench.systems.check import check_codec
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.loading import load_codec

LATENTS = Latents(sample_rate=44_100, channels=1, width=1, samples=1)


def card(latents: Latents | None = LATENTS) -> SystemCard:
    return SystemCard.model_validate({**yaml.safe_load(CARD), "latents": latents})


def test_compression_is_the_paper_s() -> None:
    """Section 4.4: Music2Latent 4096x in time, 64x in all, about 11 frames a second. Section 5.2: the others in all."""
    stated = {"music2latent": 64, "musika": 64, "latmusic": 64, "mousaiv2": 64, "mousaiv3": 32}
    systems = load_cards().systems
    latents = {name: card.latents for name, card in systems.items() if card.latents}
    assert {name: latents[name].total_compression for name in stated if name != "latmusic"} == {
        name: ratio for name, ratio in stated.items() if name != "latmusic"
    }
    # Of LatMusic no more than this is public: not how many numbers for how many samples.
    assert "latmusic" not in latents and f"{stated['latmusic']}x" in systems["latmusic"].description
    assert latents["music2latent"].samples == 4096 and round(latents["music2latent"].frames_per_second) == 11


def test_rates_in_kilobits_are_the_published_ones() -> None:
    latents = {name: card.latents for name, card in load_cards().systems.items() if card.latents}
    rates = {name: round(item.kilobits_per_second, 2) for name, item in latents.items() if item.bits < 32}
    assert rates == {
        "agc-discrete": 13.2,
        "codicodec-2.38k": 2.38,
        "dac": 7.75,
        "dac-4": 3.45,
        "dac-2": 1.72,
        "dac-3": 2.58,
        "dac-6": 5.17,
        "encodec-48k": 24.0,
        "encodec-48k-2": 3.0,
        "encodec-48k-4": 6.0,
        "encodec-48k-8": 12.0,
        "mimi": 1.1,
        "mimi-32": 4.4,
        "snac-32k": 1.88,
        "snac-44k": 2.58,
        "xcodec": 4.0,
    }


def test_every_card_says_what_there_is_to_say() -> None:
    """Rates, licences, origin and hashes; what is not public is left out, and a comment says so."""
    cards = load_cards()
    for card in (*cards.systems.values(), *cards.embeddings.values()):
        assert card.citation and card.source and card.description, card.name
        if card.adapter == "recorded":
            continue  # nothing of it runs here
        assert card.licence.code, card.name
        assert card.licence.weights or not card.weights, card.name
        assert any(file.megabytes for file in card.weights.values()) or not card.weights, card.name
        if not all(file.sha256 for file in card.weights.values()):
            assert re.search("# .*(no public|as one other public repository)", card.path.read_text(), re.I), card.name
        if isinstance(card, SystemCard) and card.kind == "neural":
            assert card.latents, card.name
            assert card.options.get("codebooks", card.latents.width) == card.latents.width


def test_a_codec_that_is_what_its_card_says() -> None:
    check = check_codec(card(), CodecRunner(Denoiser()))
    assert not check.problems
    assert (check.latents, check.features) == ((1, 1, 44_100), (1, 1, 44_100))
    assert (check.values_per_second, check.bytes_per_second, check.compression) == (44_100, 4 * 44_100, 1)
    assert check.encode_seconds > 0 and check.decode_seconds > 0 and check.peak_memory_mb > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate": 48_000}, "the sample rate is 44100, the card says 48000"),
        ({"channels": 2}, "the number of channels is 1, the card says 2"),
        ({"width": 2}, "the width of latents is 1, the card says 2"),
        ({"samples": 512}, "one second is 44100.0 frames; with the card's 512 samples per frame it would be 86.1"),
        ({"bits": 10}, "a number of the latents takes 32.0 bits, the card says 10"),
    ],
)
def test_a_card_that_is_wrong(change: dict[str, int], message: str) -> None:
    check = check_codec(card(LATENTS.model_copy(update=change)), CodecRunner(Denoiser()))
    assert message in check.problems


class Unsteady(Denoiser):
    """Ignores the seed."""

    def decode(self, latents: torch.Tensor, samples: int, **_: object) -> torch.Tensor:
        return latents + torch.randn(latents.shape)


class Broken(Denoiser):
    def decode(self, latents: torch.Tensor, samples: int, **_: object) -> torch.Tensor:
        return latents[..., 1:] * torch.nan

    features = Codec.features


def test_a_codec_that_breaks_its_word() -> None:
    unsteady = check_codec(card(None), CodecRunner(Unsteady()))
    assert unsteady.problems == ["samples of the same audio and seed differ from run to run"]
    broken = check_codec(card(None), CodecRunner(Broken()))
    assert broken.features is None
    assert broken.problems[:2] == ["gives (1, 1, 44099) for audio of (1, 1, 44100)", "gives NaN or infinite samples"]


@pytest.mark.parametrize("name", ["opus-12k", "mp3-32k"])
def test_a_stream_may_carry_a_serial_number(name: str) -> None:
    check = check_codec(load_cards().system(name), load_codec(name))
    assert not check.problems and check.features is None


def test_from_the_command_line(cli: Cli, cli_here: Cli, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    path = tmp_path / "cards" / "denoiser.yaml"
    path.write_text(CARD + "latents: {sample_rate: 44100, channels: 1, width: 1, samples: 1}\n")
    check = ("models", "check", "denoiser", "--cards", "cards")
    done = cli(*check, PYTHONPATH=TESTS)
    assert done.returncode == 0, done.stderr
    assert "1 x 1 x 44,100" in done.stdout and "x real time" in done.stdout
    report = json.loads(cli_here(*check, "--json").stdout)
    assert report["name"] == "denoiser" and report["latents"] == [1, 1, 44_100] and report["problems"] == []
    path.write_text(path.read_text().replace("width: 1", "width: 2"))
    wrong = cli_here(*check)
    assert wrong.returncode == 1
    assert "error: denoiser: the width of latents is 1, the card says 2" in wrong.stderr
    assert len(wrong.stderr.strip().splitlines()) == 1


@pytest.mark.full
def test_what_cannot_be_checked_says_why(cli: Cli) -> None:
    for name, message in (("reference", "has no encoder and decoder"), ("dac", "weights get dac"), ("da", "'dac'")):
        result = cli("models", "check", name, HF_HOME="none")
        assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
        assert message in result.stderr


def test_the_long_list_is_whole_in_any_terminal(cli: Cli) -> None:
    printed = {cli("models", "--long", HF_HOME="none", COLUMNS=columns).stdout for columns in ("40", "160")}
    (text,) = printed
    rates, licences = (text.split(title)[1].split("\n\n")[0].splitlines() for title in ("Latents of", "Licences and"))
    named = {line.split()[0]: line.split()[1:] for line in rates[2:]}
    assert named["music2latent"] == ["44100", "1", "64", "10.8", "22.1", "4096x", "64.0x", "1"]
    assert {len(line) for line in rates[1:]} <= set(range(80))
    systems = load_cards().systems
    assert [line.split()[0] for line in licences[2:]] == list(systems)
    assert named.keys() == {name for name, card in systems.items() if card.latents}
    assert next(line for line in licences if line.startswith("dac ")).split() == ["dac", "Apache-2.0", "MIT", "307"]


def test_systems_that_lack_weights_are_one_command(cli: Cli) -> None:
    pytest.importorskip("transformers", reason="pip install 'm2l-bench[codecs]'")
    lines = cli("models", "--long", HF_HOME="none").stdout.splitlines()
    assert sum(" dac " in line for line in lines if "m2l-bench weights get" in line) == 1


@pytest.mark.parametrize("command", [("models",), ("weights", "list")])
def test_names_are_never_cut(cli: Cli, command: tuple[str, ...]) -> None:
    text = cli(*command, HF_HOME="none", COLUMNS="60").stdout
    assert " stable-audio-open-vae " in text and "…" not in text


@pytest.mark.parametrize("command", [("models",), ("weights", "list")])
def test_no_word_is_broken_at_80_columns(cli_here: Cli, command: tuple[str, ...]) -> None:
    """Neither in the name and title of a system or network, nor in what the table says of it."""
    table, _, _ = cli_here(*command, COLUMNS="80").stdout.partition("└")
    printed = set(table.split())
    listed = json.loads(cli_here(*command, "--json").stdout)
    for card in listed:
        words = [card["name"], *card["title"].split()]
        words += card["licence"].split() if command[0] == "weights" else [card["kind"]]
        assert printed.issuperset(words), card["name"]
    assert "music2latent-mini" in printed and {len(line) for line in table.splitlines()} == {80}


def test_one_card_is_shown_by_its_name(cli_here: Cli) -> None:
    shown = cli_here("models", "music2latent-mini", COLUMNS="1000")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Music2Latent, mini: ") and "DAC" not in shown.stdout
    facts = dict(line.split(": ", 1) for line in shown.stdout.splitlines())
    assert facts["runs here"] == "yes" and facts["rate"] == "44.1 kb/s for stereo"
    assert facts["audio"] == "44,100 Hz, 1 channel" and facts["licences"] == "code MIT, weights CC-BY-SA-4.0"
    assert json.loads(cli_here("models", "music2latent-mini", "--json").stdout)["name"] == "music2latent-mini"
    unknown = cli_here("models", "music2latent-min")
    assert unknown.returncode == 1 and "did you mean 'music2latent-mini'?" in unknown.stderr


FRAMES = """
from torch import nn
from m2l_bench import Codec
class Frames(Codec):
    sample_rate, channels = 44100, 1
    def encode(self, audio):
        whole = nn.functional.pad(audio, (0, -audio.shape[-1] % 4096))
        return whole.reshape(len(audio), -1, 4096)[..., :64].mT
    def decode(self, latents, samples, **_):
        return latents.mT.repeat(1, 1, 64).reshape(len(latents), 1, -1)
"""


def test_a_system_has_one_rate_in_every_command(
    cli_here: Cli, tmp_path: Path, quick_cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the last frame of a clip is filled up: 11 frames for a second, which has 10.8."""
    monkeypatch.setattr("sys.path", [*sys.path])
    (quick_cards / "frames_of_4096.py").write_text(FRAMES)
    card = "name: frames\ntitle: Frames\nkind: neural\nadapter: frames_of_4096:Frames\nlatents: %s\n"
    latents = "{sample_rate: 44100, channels: 1, width: 64, samples: 4096}"
    (quick_cards / "frames.yaml").write_text(card % latents)
    write(tmp_path / "clips" / "second.wav", music(channels=2))
    cards = ("--cards", "cards")
    listed = cli_here("models", *cards).stdout.splitlines()
    assert next(line.split("│")[4].strip() for line in listed if "│ frames " in line) == "44.1"
    assert "\nrate: 44.1 kb/s for stereo\n" in cli_here("models", "frames", *cards).stdout
    checked = cli_here("models", "check", "frames", *cards)
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"rate for stereo +│ +44.1 kb/s", checked.stdout), checked.stdout
    task = ("--task", "quick", "--data", "clips", "--models", "frames", "--jobs", 1)
    assert cli_here("reconstruct", *task, *cards).returncode == 0
    tables = json.loads(cli_here("tables", "--json").stdout)
    assert tables["pareto"]["rows"][0]["kilobits_per_second"] == pytest.approx(44.1)
    assert tables["rows"][0]["kilobits_per_second"] == pytest.approx(44.1)


def test_json_has_what_is_computed(cli: Cli) -> None:
    described = {item["name"]: item for item in json.loads(cli("models", "--json", HF_HOME="none").stdout)}
    assert described["same-s"]["computed"]["total_compression"] == 32
    assert described["latmusic"]["computed"] is None
