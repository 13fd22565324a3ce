"""The report on latents: what is measured of which system, what is kept, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.audio import music, write
from support.command_line import Cli
from support.toy_codec import CODES, FRAMES

from m2l_bench.latent_space.measures import MEASURES
from m2l_bench.runs.latent_spaces import read_latent_spaces
from m2l_bench.systems import latents_coder


@pytest.fixture
def toys(quick_cards: Path) -> Path:
    (quick_cards / "frames.yaml").write_text(FRAMES)
    (quick_cards / "codes.yaml").write_text(CODES)
    return quick_cards


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for seed in range(6):
        write(folder / f"clip{seed}.wav", music(0.6 + 0.1 * (seed % 2), channels=1 + seed % 2, seed=seed))
    return folder


def arguments(cards: Path, clips: Path, models: str) -> tuple[object, ...]:
    task = ("--task", "quick", "--data", clips, "--cards", cards)
    return ("latents", "report", *task, "--models", models, "-o", "out/latents.csv")


def test_numbers_and_codes_are_measured(toys: Path, clips: Path, cli_here: Cli, tmp_path: Path) -> None:
    result = cli_here(*arguments(toys, clips, "frames,codes,opus-12k"))
    assert result.returncode == 0, result.stderr
    assert "opus-12k is left out: its card states no latents" in result.stderr
    assert "Frames" in result.stdout and "Predictable bits" in result.stdout
    rows = pd.read_csv(tmp_path / "out" / "latents.csv")
    by_system = {name: set(of_system["measure"]) for name, of_system in rows.groupby("system")}
    of_codes = {name for name, measure in MEASURES.items() if measure.family == "codes"}
    drifts = {name for name in MEASURES if name.startswith("drift")}
    assert by_system == {"frames": MEASURES.keys() - of_codes, "codes": of_codes | drifts}
    frames = rows[rows["system"] == "frames"].set_index("measure")
    assert frames.loc["additivity_error", "clips"] == 5  # each clip with the one before it
    assert frames.loc["drift_1_mel", "clips"] == 6
    others = frames.drop(index="gaussian_floor")
    assert ((others["low"] <= others["value"]) & (others["value"] <= others["high"])).all()
    assert np.isnan(frames.loc["gaussian_floor", "low"])
    assert frames.loc["effective_rank", "value"] <= 2
    assert list(rows.columns) == [
        *("system", "title", "dataset", "family", "measure", "unit", "better", "value", "low", "high", "clips", "key")
    ]
    channels = json.loads((tmp_path / "out" / "latents.json").read_text())
    assert channels.keys() == {"frames"} and len(channels["frames"]["deviation"]) == 2


def test_what_is_there_is_not_measured_again_and_other_systems_stay(
    toys: Path, clips: Path, cli_here: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "latents.csv"
    assert cli_here(*arguments(toys, clips, "codes")).returncode == 0
    assert cli_here(*arguments(toys, clips, "frames")).returncode == 0
    before = out.read_bytes()
    with monkeypatch.context() as context:
        context.setattr(latents_coder.LatentsCoder, "encode", None)
        result = cli_here(*arguments(toys, clips, "frames,codes"), "--json")
    assert result.returncode == 0, result.stderr
    assert "frames: measured before" in result.stderr and out.read_bytes() == before
    printed = {system["system"]: system for system in json.loads(result.stdout)}
    stored = read_latent_spaces(out)
    for name, space in stored.items():
        figures = {measure: figure["value"] for measure, figure in printed[name]["measures"].items()}
        assert figures == {measure: figure.value for measure, figure in space.figures.items()}
        assert printed[name]["channels"] == space.channels
    write(clips / "clip0.wav", music(0.6, seed=9))
    result = cli_here(*arguments(toys, clips, "frames"))
    assert "measured before" not in result.stderr
    assert read_latent_spaces(out)["frames"].key != stored["frames"].key
    assert read_latent_spaces(out)["codes"] == stored["codes"]


def test_intervals_are_not_broken_at_80_columns(toys: Path, clips: Path, cli_here: Cli) -> None:
    lines = cli_here(*arguments(toys, clips, "frames"), COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.count("[") == line.count("]") for line in lines)


def test_a_bad_clip_is_named_and_the_others_are_measured(toys: Path, clips: Path, cli_here: Cli) -> None:
    (clips / "clip3.wav").write_bytes(b"no audio")
    result = cli_here(*arguments(toys, clips, "frames"))
    assert result.returncode == 3
    assert "frames: 'clip3' failed: not readable as audio" in result.stderr


def test_equal_audio_is_encoded_once(toys: Path) -> None:
    """Of the last results; the values are those of the codec."""
    from m2l_bench.cards import load_cards
    from m2l_bench.systems.loading import load_runner

    card = load_cards([toys]).system("frames")
    assert card.latents is not None
    coder = latents_coder.LatentsCoder(load_runner(card), card.latents)
    clip = music(0.2)
    first = coder.encode(clip)
    assert coder.encode(clip.copy()) is first
    assert not np.array_equal(coder.encode(2 * clip), first)
    for level in range(latents_coder.REMEMBERED):
        coder.encode(clip / (level + 3))
    assert coder.encode(clip) is not first
    np.testing.assert_array_equal(coder.encode(clip), first)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("opus-12k", "no system with `latents` on its card can run here"),
        ("frames,frames", "two systems have the name 'frames'"),
        ("framez", "did you mean 'frames'"),
    ],
)
def test_a_mistake_is_one_line(toys: Path, clips: Path, cli_here: Cli, models: str, message: str) -> None:
    result = cli_here(*arguments(toys, clips, models))
    assert result.returncode == 1 and message in result.stderr


def test_another_file_is_not_overwritten(toys: Path, clips: Path, cli_here: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "latents.csv").write_text("a,b\n1,2\n")
    result = cli_here(*arguments(toys, clips, "frames"))
    assert result.returncode == 1 and "not a report on latents" in result.stderr
    assert (tmp_path / "out" / "latents.csv").read_text() == "a,b\n1,2\n"
