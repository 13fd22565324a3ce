"""`m2l-bench weights`: what is there, how the rest is had, from a server that looks like the hub or any other."""

import hashlib
import json
from pathlib import Path

import pytest
from support.command_line import TESTS, Cli
from support.file_server import FileServer
from support.file_server import serve as serve_file
from support.hub_server import serve as serve_hub

from m2l_bench.cards import WeightFile, read_card
from m2l_bench.errors import UserError
from m2l_bench.weights.locate import find

CARD = "name: net\ntitle: Net\nkind: embedding\nadapter: support.toy_embedding:Toy\nweights: {weights: %s}\n"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    path = tmp_path / "number.txt"
    path.write_text("2.5")
    return path


def listed(cli: Cli, **environment: str) -> dict[str, object]:
    result = cli("weights", "list", "--cards", "cards", "--json", **{"PYTHONPATH": TESTS, **environment})
    assert result.returncode == 0, result.stderr
    return next(entry for entry in json.loads(result.stdout) if entry["name"] == "net")


def write_card(tmp_path: Path, weights: str) -> None:
    (tmp_path / "cards").mkdir(exist_ok=True)
    (tmp_path / "cards" / "net.yaml").write_text(CARD % weights)


def test_the_shipped_weights_are_there_and_the_others_say_how_to_get_them(cli: Cli, tmp_path: Path) -> None:
    result = cli("weights", "list", HF_HOME=str(tmp_path), M2L_BENCH_CACHE=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert " package " in result.stdout and "m2l-bench weights get" in result.stdout


@pytest.mark.full
def test_from_the_hub_into_its_cache_or_a_folder(cli: Cli, tmp_path: Path, content: Path) -> None:
    digest = hashlib.sha256(content.read_bytes()).hexdigest()
    write_card(tmp_path, f"{{repository: lab/net, filename: number.txt, revision: main, sha256: {digest}}}")
    get = ("weights", "get", "net", "--cards", "cards")
    with serve_hub("lab/net", {"number.txt": content}) as hub:
        environment = hub.environment(tmp_path / "home") | {"PYTHONPATH": TESTS}
        assert not listed(cli, **environment)["present"]
        result = cli(*get, **environment)
        assert result.returncode == 0, result.stderr
        assert Path(result.stdout.strip()).read_text() == "2.5"
        assert listed(cli, **environment)["state"] == "present"
        into = cli(*get, "--weights-dir", "weights", **hub.environment(tmp_path / "other") | {"PYTHONPATH": TESTS})
        assert into.returncode == 0, into.stderr
        assert (tmp_path / "weights" / "net" / "number.txt").read_text() == "2.5"
    assert listed(cli, M2L_BENCH_WEIGHTS="weights", HF_HOME=str(tmp_path / "none"))["present"]
    # What is in the cache is copied, without a connection.
    copied = cli(*get, "--weights-dir", "lab", **environment | {"HF_HUB_OFFLINE": "1"})
    assert copied.stdout.strip() == "lab/net/number.txt", copied.stderr
    assert (tmp_path / "lab" / "net" / "number.txt").read_text() == "2.5"


@pytest.mark.full
def test_a_licence_to_accept_says_where_and_a_folder_of_the_repository_is_kept(
    cli: Cli, tmp_path: Path, content: Path
) -> None:
    write_card(tmp_path, "{repository: lab/net, filename: part/number.txt}")
    get = ("weights", "get", "net", "--cards", "cards", "--weights-dir", "weights")
    with serve_hub("lab/net", {"part/number.txt": content}, gated=True) as hub:
        environment = hub.environment(tmp_path / "home") | {"PYTHONPATH": TESTS}
        result = cli(*get, **environment)
        assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
        assert "accepted its licence: do so at https://huggingface.co/lab/net, then log in" in result.stderr
        done = cli(*get, **environment | {"HF_TOKEN": "hf_accepted"})
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "weights" / "net" / "part" / "number.txt").read_text() == "2.5"
        requests_before = len(hub.requests)
        assert listed(cli, M2L_BENCH_WEIGHTS="weights", HF_HOME=str(tmp_path / "none"))["present"]
        assert cli(*get, **environment).returncode == 0
        assert len(hub.requests) == requests_before


@pytest.mark.full
def test_from_any_address(cli: Cli, tmp_path: Path, content: Path) -> None:
    with serve_file(FileServer(content.read_bytes())) as server:
        write_card(tmp_path, f"{{url: '{server.url}', sha256: '00000000'}}")
        environment = {"M2L_BENCH_CACHE": str(tmp_path / "cache"), "PYTHONPATH": TESTS}
        result = cli("weights", "get", "net", "--cards", "cards", **environment)
        assert result.returncode == 1 and "expected 00000000" in result.stderr
        assert not listed(cli, **environment)["present"]
        write_card(tmp_path, f"{{url: '{server.url}'}}")
        assert cli("weights", "get", "net", "--cards", "cards", **environment).returncode == 0
        assert listed(cli, **environment)["present"]
        requests_before = len(server.asked)
        assert cli("weights", "get", "net", "--cards", "cards", **environment).returncode == 0
        assert len(server.asked) == requests_before


def test_what_cannot_be_fetched_does_not_keep_the_rest_from_it(cli: Cli, tmp_path: Path, content: Path) -> None:
    with serve_file(FileServer(content.read_bytes())) as server:
        write_card(tmp_path, f"{{url: '{server.url}', sha256: '00000000'}}")
        (tmp_path / "cards" / "two.yaml").write_text(
            (CARD % f"{{url: '{server.url}'}}").replace("name: net", "name: two")
        )
        environment = {"M2L_BENCH_CACHE": str(tmp_path / "cache"), "PYTHONPATH": TESTS}
        result = cli("weights", "get", "net", "two", "--cards", "cards", **environment)
    assert result.returncode == 1 and "expected 00000000" in result.stderr
    assert Path(result.stdout.strip()).read_text() == "2.5"


def test_names_without_weights_to_fetch(cli_here: Cli) -> None:
    for name, message in {
        "musik": "no network called 'musik': did you mean 'musika'?",
        "nothing": "no network called 'nothing': `m2l-bench weights list` lists them.",
        "music2latent-mini": "no weights to fetch for 'music2latent-mini': `m2l-bench models` says",
    }.items():
        result = cli_here("weights", "get", name)
        assert result.returncode == 1 and message in result.stderr and len(result.stderr.splitlines()) == 1


def test_no_connection_names_the_command_for_a_machine_that_has_one(cli: Cli, tmp_path: Path) -> None:
    write_card(tmp_path, "{repository: lab/net, filename: number.txt}")
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": TESTS}
    result = cli("weights", "get", "net", "--cards", "cards", **environment)
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
    assert "hf download lab/net number.txt --revision main" in result.stderr


def test_a_lab_s_folder_by_repository_or_flat(tmp_path: Path) -> None:
    file = WeightFile(repository="facebook/encodec_24khz", filename="config.json")
    (tmp_path / "config.json").write_text("another model's")
    assert find(file, tmp_path) == tmp_path / "config.json"
    (tmp_path / "encodec_24khz").mkdir()
    (tmp_path / "encodec_24khz" / "config.json").write_text("{}")
    assert find(file, tmp_path) == tmp_path / "encodec_24khz" / "config.json"


@pytest.mark.parametrize("weights", ["{}", "{repository: a/b}", "{url: x, shipped: y}", "{url: x, sha256: no}"])
def test_a_file_has_one_source_and_a_hash_is_one(tmp_path: Path, weights: str) -> None:
    write_card(tmp_path, weights)
    with pytest.raises(UserError, match=r"net.yaml: key 'weights.weights"):
        read_card(tmp_path / "cards" / "net.yaml")
