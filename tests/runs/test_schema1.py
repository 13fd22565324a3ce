"""Runs and cached vectors that version 0.1 wrote (`schema1/`): they are read, and continued, as if made today."""

from __future__ import annotations

import csv
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
from support.command_line import Cli

from m2l_bench.errors import UserError
from m2l_bench.runs.reconstruction import read_manifest

SCHEMA1 = Path(__file__).parent / "schema1"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy, with the present versions of the packages whose versions decide numbers."""
    for name in ("runs", "cache", "cards", "data", "pair"):
        shutil.copytree(SCHEMA1 / name, tmp_path / name)
    for path in (tmp_path / "runs").rglob("*.json"):
        content = json.loads(path.read_text())
        if path.name == "probe.json":
            content["key"]["versions"] |= {name: version(name) for name in ("scikit-learn", "mir_eval")}
        elif path.name == "manifest.json":
            content["metric_versions"]["visqol"] = f"visqol-python {version('visqol-python')}"
        path.write_text(json.dumps(content))
    return tmp_path


def files_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}


def rows_of(table: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, with the cells as they are written."""
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def has_all_of(expected: Path, written: Path, without: str = "") -> bool:
    """Whether a table has the figures of the measured systems that version 0.1 wrote; that had the paper's as well.

    Args:
        without: a column that is not compared.
    """
    now = {row["system"]: row for row in rows_of(written)}
    then = {row["system"]: row for row in rows_of(expected) if row["clips"] != "0"}
    names = [name for name in next(iter(then.values())) if not name.endswith("_paper") and name != without]
    return now.keys() == then.keys() and all(
        now[system][name] == row[name] for system, row in then.items() for name in names
    )


def test_tables_are_what_they_were(kept: Path, cli_here: Cli) -> None:
    for task in ("bundled", "hums"):
        assert cli_here("tables", kept / "runs", "--task", task, "--results", kept / "tables").returncode == 0
    for expected in (SCHEMA1 / "expected").rglob("*.csv"):
        written = kept / "tables" / expected.relative_to(SCHEMA1 / "expected")
        if expected.name in ("table2.csv", "pareto.csv"):
            assert has_all_of(expected, written), expected.name
        else:
            assert written.read_bytes() == expected.read_bytes(), expected.name


def test_a_reconstruction_goes_on(kept: Path, cli_here: Cli) -> None:
    rows = (kept / "runs/bundled/opus-12k/clips.parquet").read_bytes()
    vectors = files_in(kept / "runs/bundled/opus-12k")
    command = ("reconstruct", "--task", "bundled", "--limit", 8, "--models", "opus-12k", "--no-audio", "--json")
    done = cli_here(*command, "--out", kept / "runs")
    assert done.returncode == 0, done.stderr
    (system,) = json.loads(done.stdout)["systems"]
    assert Path(system["run"]).name == "opus-12k" and system["measured"] == 8
    assert (kept / "runs/bundled/opus-12k/clips.parquet").read_bytes() == rows
    assert files_in(kept / "runs/bundled/opus-12k") == vectors
    assert len(list((kept / "runs/bundled/_originals").iterdir())) == 1
    manifest = json.loads((kept / "runs/bundled/opus-12k/manifest.json").read_text())
    assert manifest["schema_version"] == 2 and manifest["card"]["adapter"] == "lossy"
    assert cli_here("tables", kept / "runs", "--task", "bundled", "--results", kept / "tables").returncode == 0
    # Its kernel distance is measured again: version 0.1 compared each vector with its own reconstruction, too.
    assert has_all_of(SCHEMA1 / "expected" / "table2.csv", kept / "tables" / "table2.csv", without="kad_musicnn")
    tables = (SCHEMA1 / "expected" / "table2.csv", kept / "tables" / "table2.csv")
    (then,), (row,) = ([row for row in rows_of(table) if row["system"] == "opus-12k"] for table in tables)
    assert float(row["kad_musicnn"]) > float(then["kad_musicnn"])
    assert float(row["kad_musicnn_low"]) < float(row["kad_musicnn"]) < float(row["kad_musicnn_high"])


def test_a_probe_and_its_cached_features_go_on(kept: Path, cli_here: Cli) -> None:
    features = files_in(kept / "cache" / "features")
    run = (
        "probe",
        "--cards",
        kept / "cards",
        "--task",
        "hums",
        "--data",
        kept / "data",
        "--models",
        "mel-mean",
        "--json",
    )
    done = cli_here(*run, "--out", kept / "runs", M2L_BENCH_CACHE=str(kept / "cache"))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (kept / "runs/probe-hums").iterdir()] == ["mel-mean"]
    (store,) = (kept / "cache" / "features").iterdir()
    assert sorted(files_in(store).values()) == sorted(features.values())


def test_cached_vectors_are_used(kept: Path, cli_here: Cli) -> None:
    vectors = files_in(kept / "cache" / "embeddings")
    run = ("fad", kept / "pair/a", kept / "pair/b", "--embedding", "mel-mean", "--json")
    done = cli_here(*run, M2L_BENCH_CACHE=str(kept / "cache"))
    assert done.returncode == 0, done.stderr
    (store,) = (kept / "cache" / "embeddings").iterdir()
    assert sorted(files_in(store).values()) == sorted(vectors.values())
    (now,), (then,) = (
        json.loads(text)["comparisons"] for text in (done.stdout, (SCHEMA1 / "pair/expected.json").read_text())
    )
    assert now["value"] == pytest.approx(then["value"], rel=1e-6)


@pytest.mark.full
def test_a_raised_version_starts_a_new_run_and_says_why(
    kept: Path, cli_here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m2l_bench.codecs.anchors.LowPass.version", "1")
    command = ("reconstruct", "--limit", 1, "--models", "lowpass-3.5k", "--no-audio", "--out", kept / "runs")
    assert cli_here(*command).returncode == 0
    monkeypatch.setattr("m2l_bench.codecs.anchors.LowPass.version", "2")
    done = cli_here(*command)
    assert done.returncode == 0, done.stderr
    assert "lowpass-3.5k: a new run, lowpass-3.5k~2: adapter version 2, lowpass-3.5k has 1" in done.stderr
    assert "a new run" not in cli_here(*command).stderr


def test_a_damaged_manifest_names_what_is_missing(kept: Path) -> None:
    path = kept / "runs/bundled/opus-12k/manifest.json"
    content = json.loads(path.read_text())
    del content["card"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"manifest\.json: 'card': Field required; delete .* to measure it again"):
        read_manifest(path.parent)
