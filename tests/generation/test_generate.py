"""`m2l-bench generate` from music to the table, with toy codecs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support.command_line import Cli
from support.generation import OPTIONS, TINY, write_music

SETS = ["samples", "random latents", "shuffled frames", "corpus", "codec"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_music(tmp_path)
    return tmp_path


def test_from_music_to_the_table(here: Path, cli_here: Cli) -> None:
    result = cli_here("generate", *OPTIONS, "--steps", 2, "--seeds", 1, COLUMNS="80")
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert "bands: seed 0: validation loss" in result.stdout and "not between systems" in result.stdout.replace(
        "\n", " "
    )
    with (here / "out" / "generate.csv").open() as file:
        rows = {row["set"]: row for row in csv.DictReader(file)}
    assert list(rows) == SETS
    assert (rows["samples"]["steps"], rows["samples"]["seed"], rows["codec"]["seed"]) == ("2", "0", "")
    assert all(row["count"] == "9" and float(row["fad_toy_high"]) > 0 for row in rows.values())
    distance = {name: float(row["fad_toy"]) for name, row in rows.items()}
    assert max(distance["codec"], distance["corpus"]) < min(distance["shuffled frames"], distance["random latents"])
    kernel = {name: float(row["kad_toy"]) for name, row in rows.items()}
    assert kernel["codec"] < kernel["shuffled frames"] < kernel["random latents"]


def test_the_same_command_measures_nothing_anew(here: Path, cli_here: Cli) -> None:
    first = cli_here("generate", *OPTIONS, "--steps", 2, "--json")
    assert first.returncode == 0, first.stderr
    written = {path: path.stat().st_mtime_ns for path in (here / "out").rglob("*.flac")}
    assert len(written) == 9 * (1 + 2 + 4)
    lost = next(path for path in sorted(written) if path.parent.name == "samples")
    content = lost.read_bytes()
    lost.unlink()
    again = cli_here("generate", *OPTIONS, "--steps", 2, "--json")
    rows = [
        [{name: value for name, value in row.items() if "seconds" not in name} for row in json.loads(text)["rows"]]
        for text in (first.stdout, again.stdout)
    ]
    assert rows[0] == rows[1]
    assert lost.read_bytes() == content
    assert all(path.stat().st_mtime_ns == time for path, time in written.items() if path != lost)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--models": "codes"}, "codes: its latents are codes, but flow matching needs numbers"),
        ({"--models": "reference"}, "reference has no encoder and decoder to load"),
        ({"--held-out": "corpus"}, "corpus: is both the corpus and the held-out music"),
        ({"--generator": "none"}, "no generator 'none': there are flow-small"),
        ({"--generator": "bad.yaml"}, "bad.yaml: unknown key 'layers': did you mean"),
        ({"--embeddings": ","}, "--embeddings: no name in ','"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    here: Path, cli_here: Cli, changed: dict[str, str], message: str
) -> None:
    (here / "bad.yaml").write_text(TINY + "layers: 3\n")
    options = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True)) | changed
    result = cli_here("generate", *(word for pair in options.items() for word in pair))
    assert result.returncode == 1
    assert message.split(": did you")[0] in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_of_other_music_is_not_mixed(here: Path, cli_here: Cli) -> None:
    (here / "out").mkdir()
    (here / "out" / "sources.json").write_text('{"data": "/music", "held_out": "/other"}')
    result = cli_here("generate", *OPTIONS)
    assert "out: holds latents of other music; choose another -o" in result.stderr
