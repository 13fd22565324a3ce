import csv
from pathlib import Path

import pytest
from support.command_line import Cli

from m2l_bench.cards import SystemCard, load_cards, read_card
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.metrics.classification import METRICS
from m2l_bench.shipped import shipped
from m2l_bench.systems.loading import availability

GOOD = "name: mine\ntitle: Mine\nkind: neural\nadapter: my_pkg.my_codec:MyCodec\n"


def test_shipped_cards_are_valid_and_complete() -> None:
    cards = load_cards()
    assert {"bundled", "folder", "musiccaps"} <= cards.tasks.keys()
    assert {"reference", "lowpass-3.5k", "opus-12k", "music2latent", "dac"} <= cards.systems.keys()
    for name, card in {**cards.systems, **cards.tasks, **cards.probes}.items():
        assert card.path.stem == name
    for task in cards.tasks.values():
        assert all(name in PAIRED or set_metric(name) for name in task.metrics)
    published = next(csv.reader((shipped("results/paper") / "table1.csv").open()))
    assert sorted(column for probe in cards.probes.values() for column in probe.table1.values()) == sorted(
        published[1:]
    )
    for probe in cards.probes.values():
        assert set(probe.table1) <= set(probe.metrics) <= METRICS.keys()
        assert bool(probe.table1) != probe.name.startswith("mini-")
    runnable = [card for card in cards.systems.values() if card.kind != "neural"]
    assert all(availability(card) for card in runnable)


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
