"""Systems with files of weights: whether they can run, what their adapters are given, what a run remembers."""

import json
import re
from pathlib import Path

import pytest
import yaml
from support.command_line import TESTS, Cli
from support.hub_server import serve

from m2l_bench.cards import AdapterCard, SystemCard, load_cards, read_card
from m2l_bench.codecs.recorded import Recorded
from m2l_bench.errors import UserError
from m2l_bench.systems.adapters import adapter_availability, load_adapter
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.loading import availability, load_system, recorded_card


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """The toy system `gain`, whose file of weights holds one number."""
    folder = tmp_path / "cards"
    folder.mkdir(exist_ok=True)
    weights = {"gain": {"repository": "lab/gain", "filename": "gain.txt"}}
    card = {"name": "gain", "title": "Gain", "kind": "neural", "adapter": "support.toy_codec:Gain", "weights": weights}
    (folder / "gain.yaml").write_text(yaml.safe_dump(card))
    return folder


def card_of(cards: Path) -> SystemCard:
    return load_cards([cards]).system("gain")


def load(cards: Path, weights_dir: Path) -> CodecRunner:
    system = load_system(card_of(cards), steps=None, seed=0, device="cpu", weights_dir=weights_dir)
    assert isinstance(system, CodecRunner)
    return system


def test_the_adapter_gets_the_path_and_the_run_the_hash(cards: Path, tmp_path: Path) -> None:
    hashes = []
    for folder, number in (("a", "2"), ("b", "3")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gain.txt").write_text(number)
        runner = load(cards, tmp_path / folder)
        assert vars(runner.codec)["gain"] == float(number)
        hashes.append(runner.weights_sha256)
    assert len({*hashes, ""}) == 3
    assert load(cards, tmp_path / "a").weights_sha256 == hashes[0]


def test_absent_weights_name_the_command(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    state = availability(card_of(cards), tmp_path)
    assert (state.reason, state.command) == ("its weights are not on this machine", "m2l-bench weights get gain")
    with pytest.raises(UserError, match=r"gain.txt is not on this machine: m2l-bench weights get gain"):
        load(cards, tmp_path)
    (tmp_path / "gain.txt").write_text("2")
    assert availability(card_of(cards), tmp_path)


def test_other_weights_than_the_card_s_are_refused(cards: Path, tmp_path: Path) -> None:
    path = cards / "gain.yaml"
    content = yaml.safe_load(path.read_text())
    content["weights"]["gain"]["sha256"] = "00000000"
    path.write_text(yaml.safe_dump(content))
    (tmp_path / "gain.txt").write_text("2")
    with pytest.raises(UserError, match=r"gain.txt: its SHA-256 is .* the card says 00000000"):
        load(cards, tmp_path)


def test_recordings_need_no_weights(cards: Path, tmp_path: Path) -> None:
    card = recorded_card(load_cards([cards]), "gain", tmp_path)
    assert availability(card, tmp_path)
    assert isinstance(load_system(card, steps=None, seed=0, device="cpu"), Recorded)


def test_from_the_hub_to_a_finished_run(cli: Cli, quick_cards: Path, cards: Path, originals: Path) -> None:
    everything = ("--cards", cards)
    number = cards.parent / "number"
    number.write_text("1")
    with serve("lab/gain", {"gain.txt": number}) as hub:
        environment = hub.environment(cards.parent / "home") | {"PYTHONPATH": TESTS}
        run = ("reconstruct", "--task", "quick", "--data", originals, "--models", "gain", *everything, "--json")
        refused = cli(*run, **environment)
        assert refused.returncode == 1 and "m2l-bench weights get gain" in refused.stderr
        assert cli("weights", "get", "gain", *everything, **environment).returncode == 0
        listed = json.loads(cli("weights", "list", *everything, "--json", **environment).stdout)
        assert next(system for system in listed if system["name"] == "gain")["state"] == "present"
        done = cli(*run, **environment)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(next(cards.parent.glob("runs/**/manifest.json")).read_text())
    assert len(manifest["key"]["weights_sha256"]) == 64


@pytest.mark.parametrize("kind", ["neural", "embedding"])
@pytest.mark.parametrize("adapter", ["os:system", "os:environ", "m2l_bench.codecs.base:nothing", "pathlib:Path"])
def test_only_adapters_are_called(tmp_path: Path, kind: str, adapter: str) -> None:
    options = {"command": f"touch {tmp_path / 'ran'}"}
    card = {"name": "bad", "title": "Bad", "kind": kind, "adapter": adapter, "options": options}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(card))
    read = read_card(tmp_path / "bad.yaml")
    assert isinstance(read, AdapterCard)
    message = "is not an adapter|cannot import"
    assert re.search(message, adapter_availability(read).reason)
    with pytest.raises(UserError, match=message):
        load_adapter(read, options)
    assert not (tmp_path / "ran").exists()
