import json
from pathlib import Path

import pytest
from support.command_line import Cli
from support.trees import beatport_tree, magnatagatune_tree, tinysol_tree
from typer.testing import CliRunner

from m2l_bench.cli import make_app
from m2l_bench.datasets import checking, remotes
from m2l_bench.errors import UserError
from m2l_bench.progress import Quiet


def test_check_counts_each_task(tmp_path: Path, cli: Cli) -> None:
    tinysol_tree(tmp_path / "set")
    result = cli("data", "check", "tinysol", "set")
    assert result.returncode == 0, result.stderr
    assert "tinysol, pitch_class" in result.stdout and "Contrabass │     6 │          2 │    2" in result.stdout
    assert "20 clips in set: 4 validation, 4 test, 12 train" in result.stdout


def test_check_names_what_is_bad_and_goes_on(tmp_path: Path) -> None:
    root = magnatagatune_tree(tmp_path / "set", clips=12)
    (root / "audio/2/artist-album-02-title-0-29.mp3").write_bytes(b"\0" * 999)
    (root / "audio/3/artist-album-03-title-0-29.mp3").write_bytes(b"")
    (root / "audio/4/artist-album-04-title-0-29.mp3").unlink()
    report = checking.check("magnatagatune", root, Quiet())
    assert not report.sound
    assert report.summary()["missing"] == ["6"]
    assert {id: reason.rpartition(": ")[2] for id, reason in report.unreadable.items()} == {
        "4": "not readable as audio (Format not recognised)",
        "5": "empty file (0 bytes)",
    }
    result = CliRunner().invoke(make_app(), ["data", "check", "magnatagatune", str(root), "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout) == report.summary()
    assert json.loads(result.stdout)["counts"]["tags"]["guitar"] == {"train": 3, "validation": 1, "test": 3}
    text = CliRunner().invoke(make_app(), ["data", "check", "magnatagatune", str(root)])
    assert text.exit_code == 3
    assert "1 missing: 6\n2 unreadable: " in text.stdout


def test_datasets_lie_in_the_cache_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="no mini-beatport there; `m2l-bench data make mini-beatport` gets it, or pass"):
        checking.load_tasks("mini-beatport", None)
    beatport_tree(tmp_path / "datasets" / "mini-beatport", ["D minor", "F major"] * 10)
    assert len(checking.load_tasks("mini-beatport", None)["key"].clips) == 20


def test_names_of_the_other_command_get_a_hint(cli: Cli) -> None:
    assert "`m2l-bench data make mini-tinysol`" in cli("data", "get", "mini-tinysol").stderr
    assert "`m2l-bench data get tinysol`" in cli("data", "make", "tinysol").stderr
    refused = CliRunner().invoke(make_app(), ["data", "get", "gtzan"]).exception
    assert "`hf download m-a-p/GTZAN --repo-type dataset" in str(refused)
    assert "tinysol, beatport_key, magnatagatune" in cli("data", "get", "fma").stderr
    assert "no dataset called 'fma'" in cli("data", "check", "fma").stderr


def test_get_tells_where_the_data_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(remotes, "get", lambda name, folder, progress: {"remotes": 2, "fetched": 1})
    result = CliRunner().invoke(make_app(), ["data", "get", "tinysol", "--json"])
    folder = str(tmp_path / "datasets" / "tinysol")
    assert json.loads(result.stdout) == {"name": "tinysol", "folder": folder, "fetched": 1, "remotes": 2}
