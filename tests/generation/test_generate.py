"""`m2l-bench generate` from music to the table, with toy codecs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.audio import write
from support.command_line import Cli
from support.generation import TINY
from support.toy_codec import BANDS, CODES
from support.toy_embedding import CARD as TOY

SETS = ["samples", "random latents", "shuffled frames", "corpus", "codec"]


def tones(seed: int) -> np.ndarray:
    """(1, samples) of 3 s: one of three tones, which fades out and begins anew each second."""
    time = np.arange(3 * 44_100) / 44_100
    pitch = (300, 1000, 3000)[seed % 3]
    audio = 0.6 * np.sin(2 * np.pi * pitch * time) * (1 - time % 1) ** 2
    return (audio + 0.001 * np.random.default_rng(seed).standard_normal(len(time)))[None].astype(np.float32)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    cards = tmp_path / "cards"
    cards.mkdir()
    for name, content in {"bands": BANDS, "codes": CODES, "toy": TOY}.items():
        (cards / f"{name}.yaml").write_text(content)
    card = TINY.replace("seconds: 0.2", "seconds: 3").replace("batch_seconds: 1.6", "batch_seconds: 12")
    (tmp_path / "tiny.yaml").write_text(card)
    for seed in range(18):
        write(tmp_path / ("corpus" if seed < 9 else "other") / f"{seed}.wav", tones(seed))
    return tmp_path


OPTIONS = ["--models", "bands", "--data", "corpus", "--held-out", "other", "--generator", "tiny.yaml", "--cards"]
OPTIONS += ["cards", "--embeddings", "toy", "--device", "cpu", "--samples", "9", "-o", "out"]


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
