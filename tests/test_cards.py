import csv
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from support.command_line import Cli

from m2l_bench.cards import SystemCard, TaskCard, load_cards, read_card
from m2l_bench.datasets.loading import load_dataset, loader_version
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.metrics.classification import METRICS
from m2l_bench.probing.models import models_to_probe
from m2l_bench.shipped import shipped
from m2l_bench.systems.loading import availability

GOOD = "name: mine\ntitle: Mine\nkind: neural\nadapter: my_pkg.my_codec:MyCodec\n"

BOMB = "{a: &a [x], " + ", ".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in pairwise("abcdefghij")) + "}"
"""A billion values in 500 characters."""


def test_shipped_cards_are_valid_and_complete() -> None:
    cards = load_cards()
    assert {"bundled", "folder", "musiccaps"} <= cards.tasks.keys()
    assert {"reference", "lowpass-3.5k", "opus-12k", "music2latent", "dac"} <= cards.systems.keys()
    for name, card in {**cards.systems, **cards.tasks, **cards.probes}.items():
        assert card.path.stem == name
    for task in cards.tasks.values():
        assert all(name in PAIRED or set_metric(name) for name in task.metrics)
    published = next(csv.reader((shipped("results/published/paper") / "table1.csv").open()))
    assert sorted(column for probe in cards.probes.values() for column in probe.table1.values()) == sorted(
        published[2:]
    )
    for probe in cards.probes.values():
        assert set(probe.table1) <= set(probe.metrics) <= METRICS.keys()
        assert not (probe.table1 and probe.name.startswith("mini-"))
    runnable = [card for card in cards.systems.values() if card.kind != "neural"]
    assert all(availability(card) for card in runnable)


def test_variants_of_an_embedding_share_its_weights_and_are_probed_by_name_only() -> None:
    cards = load_cards()
    variants = {name: card for name, card in cards.embeddings.items() if card.variant_of}
    assert {
        "musicnn-dense",
        "clap-first",
        "clap-channels",
        "clap-fadtk",
        "clap-music-fadtk",
        "mert-4",
    } == variants.keys()
    for card in variants.values():
        original = cards.embedding(card.variant_of)
        assert card.weights == original.weights and card.adapter == original.adapter
        assert card.options != original.options and not original.variant_of
    probed = [model.name for model in models_to_probe(cards, [])]
    assert "musicnn" in probed and not variants.keys() & {*probed}
    assert [model.name for model in models_to_probe(cards, ["clap-first"])] == ["clap-first"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + "adaptor: x\n", "unknown key 'adaptor': did you mean 'adapter'?"),
        (GOOD + "licence: {cod: MIT}\n", "unknown key 'licence.cod': did you mean 'code'?"),
        (GOOD + "latents: {with: 64}\n", "unknown key 'latents.with': did you mean 'width'?"),
        (GOOD + "weights: {a: {url: x, sha: b}}\n", "unknown key 'weights.a.sha': did you mean 'sha256'?"),
        (GOOD + "zzz: 1\n", "unknown key 'zzz': known keys are name, title"),
        (GOOD.replace("kind: neural", "kind: deep"), "key 'kind': Input should be 'neural', 'classical' or 'anchor'"),
        (GOOD.replace("title: Mine\n", ""), "key 'title' is missing"),
        (GOOD.replace("name: mine", "name: ../mine"), "key 'name'"),
        ("- a list\n", "a card is a mapping"),
        (GOOD + "weights: {a: {url: 'file:///etc/passwd'}}\n", "that begins with https:// or http://"),
        (GOOD + "weights: {a: {url: 'ftp://host/x'}}\n", "that begins with https:// or http://"),
        (GOOD + "weights: {a: {url: 'https://host/..'}}\n", "that begins with https:// or http://"),
        (GOOD + "weights: {a: {shipped: ../secret}}\n", "a relative path that does not leave its folder"),
        (GOOD + "weights: {a: {shipped: /etc/passwd}}\n", "a relative path that does not leave its folder"),
        (GOOD + "weights: {a: {repository: a/.., filename: b}}\n", "a relative path that does not leave its folder"),
        (GOOD + "weights: {a: {repository: a/b, filename: c/../../d}}\n", "relative path that does not leave"),
        (GOOD + "weights: {a: {repository: a/b, filename: c, revision: ../d}}\n", "relative path that does not leave"),
        (GOOD + f"options: {BOMB}\n", "not readable as YAML: its aliases stand for more than 10,000 values"),
        (GOOD + "options: &a {b: *a}\n", "not readable as YAML: its aliases stand for more than 10,000 values"),
        (GOOD + "options: " + "[" * 20_000, "not readable as YAML"),
        (GOOD + f"description: {'x' * 100_001}\n", "not readable as YAML: larger than 100,000 bytes"),
        (GOOD + "options: {a: 2026-99-99}\n", "not readable as YAML"),
        ("a: [\n", "not readable as YAML"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_card(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_equal_content_has_an_equal_digest_wherever_it_lies(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(GOOD)
        digests.append(read_card(path).digest)
    (tmp_path / "b.yaml").write_text(GOOD + "citation: Someone, 2026\nlicence: {code: MIT}\n")
    assert read_card(tmp_path / "b.yaml").digest == digests[0]
    (tmp_path / "b.yaml").write_text(GOOD + "steps: 2\n")
    assert digests[0] == digests[1] != read_card(tmp_path / "b.yaml").digest


def test_two_cards_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "opus.yaml").write_text(GOOD.replace("mine", "opus-12k"))
    with pytest.raises(UserError, match=r"'opus-12k' is taken by .*opus-12k\.yaml"):
        load_cards([tmp_path])


def test_a_card_whose_adapter_is_not_installed_is_listed_as_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    card = load_cards([tmp_path]).system("mine")
    assert isinstance(card, SystemCard)
    assert "cannot import 'my_pkg.my_codec:MyCodec'" in availability(card).reason


@pytest.mark.parametrize("place", ["beside the card", "in the current folder"])
def test_an_adapter_is_found_without_a_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for folder in ("cards", "elsewhere"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.chdir(tmp_path / "elsewhere")
    module = "codec_" + place.replace(" ", "_")
    (tmp_path / ("cards" if place == "beside the card" else "elsewhere") / f"{module}.py").write_text(
        "from m2l_bench import Codec\nclass Mine(Codec):\n    sample_rate, channels = 44100, 1\n"
    )
    (tmp_path / "cards" / "mine.yaml").write_text(GOOD.replace("my_pkg.my_codec:MyCodec", f"{module}:Mine"))
    state = availability(load_cards([tmp_path / "cards"]).system("mine"))
    assert state, state


def test_an_installed_package_can_bring_cards(tmp_path: Path, cli: Cli) -> None:
    """A distribution whose entry point in `m2l_bench.cards` names a package of YAML files."""
    package = tmp_path / "site" / "third_party_cards"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "mine.yaml").write_text(GOOD)
    metadata = tmp_path / "site" / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[m2l_bench.cards]\nthird = third_party_cards\n")
    result = cli("models", PYTHONPATH=str(tmp_path / "site"))
    assert "Mine" in result.stdout


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'opus-12k'"):
        load_cards().system("opus-12")
    with pytest.raises(UserError, match="m2l-bench tasks"):
        load_cards().task("zzz")


def test_aliases_within_reason_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD + "options: {a: &a {b: 1}, c: *a, d: {<<: *a, e: 2}}\n")
    card = read_card(tmp_path / "mine.yaml")
    assert isinstance(card, SystemCard)
    assert card.options == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}


@pytest.mark.parametrize("name", ["os:system", "json:loads", "m2l_bench.datasets.folder:Dataset", "os:environ"])
def test_only_loaders_are_called(tmp_path: Path, name: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(f"name: t\ntitle: T\ndataset: {name}\nmetrics: [si_sdr_db]\noptions: {{command: touch ran}}\n")
    card = read_card(path)
    assert isinstance(card, TaskCard)
    message = f"task.yaml: '{name}' is not a loader: expected a function with"
    with pytest.raises(UserError, match=message):
        load_dataset(card, tmp_path)
    with pytest.raises(UserError, match=message):
        loader_version(card)


def test_a_loader_of_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from m2l_bench.datasets.base import Dataset, loader\n"
    source += "@loader(version='7')\ndef load(data, label):\n    return Dataset((), label)\n"
    (tmp_path / "their_data.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    text = "name: t\ntitle: T\ndataset: their_data:load\nmetrics: []\noptions: {label: theirs}\n"
    (tmp_path / "task.yaml").write_text(text)
    card = read_card(tmp_path / "task.yaml")
    assert isinstance(card, TaskCard)
    assert load_dataset(card, None).label == "theirs" and loader_version(card) == "7"
