"""A test for webMUSHRA: what is written for it, and what is read of the answers that it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_plus

import numpy as np
import pytest
import soundfile
import yaml
from support.audio import write
from support.pages import RATE, SCRIPT, make_runs, noise
from support.runs import measured_row, run_key, stored_manifest, system_card
from typer.testing import CliRunner

from m2l_bench.cli import make_app
from m2l_bench.errors import UserError
from m2l_bench.listen import webmushra
from m2l_bench.listen.answers import read_answers
from m2l_bench.listen.content import ShownSystem
from m2l_bench.listen.gather import gather
from m2l_bench.listen.loudness import measure
from m2l_bench.listen.ratings import read_ratings
from m2l_bench.listen.roles import ANCHOR, HIDDEN_REFERENCE, SYSTEM
from m2l_bench.plots.looks import looks
from m2l_bench.runs.measured import MeasuredRun

QUESTIONNAIRE = (
    "session_test_id,listener,session_uuid,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"
)
RELEASE_1_4 = "session_test_id,email,age,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"


def run(name: str, kind: str = "neural") -> MeasuredRun:
    manifest = stored_manifest(run_key(name), system_card(name, kind=kind))
    return MeasuredRun(name, Path(name), manifest, [measured_row("song", {"si_sdr_db": 1.0})], {})


def shown(name: str, kind: str = "neural") -> ShownSystem:
    return ShownSystem(name, name, kind, "", "", "", 1, kilobits=1.0, figures={}, look=looks([name])[name])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = {SCRIPT: 3 * noise(1.1, 1), "two": noise(0.8, 2, channels=2)}
    return make_runs(tmp_path_factory.mktemp("webmushra"), clips)


def test_pieces_are_as_long_and_as_loud_as_their_original(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "webMUSHRA/configs").mkdir(parents=True)
    (tmp_path / "webMUSHRA/configs/default.yaml").touch()
    command = ("listen", runs, "--webmushra", tmp_path / "webMUSHRA", "--title", f"My test {SCRIPT}", "--seconds", 1)
    result = CliRunner().invoke(make_app(), [str(word) for word in (*command, "--jobs", 1)])
    assert result.exit_code == 0, result.output
    path = tmp_path / "webMUSHRA/configs/my-test-script-alert-1-script.yaml"
    assert f"webMUSHRA test: {path} (2 clips; open webMUSHRA with ?config={path.name})" in result.output
    content = yaml.safe_load(path.read_text())
    assert content["testId"] == path.stem
    welcome, volume, (order, *trials), finish = content["pages"]
    assert [welcome["type"], volume["type"], order, finish["type"]] == ["generic", "volume", "random", "finish"]
    assert [trial["id"] for trial in trials] == [SCRIPT, "two"]
    assert SCRIPT not in str([(page["name"], page["content"]) for page in (welcome, volume, finish, *trials)])
    for trial, (samples, channels) in zip(trials, [(RATE, 1), (0.8 * RATE, 2)], strict=True):
        assert set(trial["stimuli"]) == {"lowpass-3.5k", "lowpass-7k"}, "the reference is hidden by webMUSHRA"
        assert not trial["createAnchor35"] and not trial["createAnchor70"]
        pieces = [soundfile.read(tmp_path / "webMUSHRA" / trial["reference"], always_2d=True)[0].T]
        for path in trial["stimuli"].values():
            audio, rate = soundfile.read(tmp_path / "webMUSHRA" / path, always_2d=True)
            assert rate == RATE
            pieces.append(audio.T)
        assert {piece.shape for piece in pieces} == {(channels, round(samples))}
        loudnesses = [measure(piece.astype(np.float32), RATE).lufs for piece in pieces]
        assert loudnesses == pytest.approx([loudnesses[0]] * 3, abs=0.1)
        assert max(np.abs(piece).max() for piece in pieces) <= 10 ** (-1 / 20)


def test_a_mono_reconstruction_of_a_stereo_original_gets_two_channels(runs: Path, tmp_path: Path) -> None:
    (clip,) = [clip for clip in gather(runs).clips if clip.clip.id == "two"]
    write(tmp_path / "mono.wav", noise(0.7, 3), RATE)
    clip = replace(clip, reconstructions={"codec": tmp_path / "mono.wav"})
    original, _, pieces = webmushra._matched(clip, ["codec", "not of this clip"], 12.0)
    assert pieces["codec"].shape == original.shape == (2, round(0.8 * RATE))
    assert np.array_equal(pieces["codec"][0], pieces["codec"][1])


def test_twelve_conditions_with_the_anchors_and_the_best_others() -> None:
    systems = [shown(f"codec{number}") for number in range(10)]
    names, notes = webmushra._conditions([*systems, shown("lowpass-7k", "anchor")])
    assert names == [*(f"codec{number}" for number in range(9)), "lowpass-7k"], "and one anchor that webMUSHRA makes"
    assert notes == ["at most 11 conditions: without codec9"]
    assert webmushra._conditions(systems[:9]) == ([f"codec{number}" for number in range(9)], [])


def test_names_arrive_through_its_reader_and_its_form() -> None:
    """webMUSHRA reads YAML of its own kind, and sends a form whose content it does not encode."""
    names = ["1e3", "Infinity", "it's: #1", "Ünï"]
    text = webmushra._yaml({"pages": [["random", *({"id": name} for name in names)]]})
    assert text.splitlines()[1:3] == ["-", "  - random"]
    assert [line.split(": ", 1)[1] for line in text.splitlines()[3:]] == ["'1e3'", "'Infinity'", "'it''s: #1'", "Ünï"]
    names = ["50% & more", "a+b", "%41"]
    assert [unquote_plus(webmushra._sendable(name)) for name in names] == names
    assert "&" not in webmushra._sendable("a&b")


def test_its_answers_are_ratings(tmp_path: Path) -> None:
    file = tmp_path / "mushra.csv"
    rows = [
        ("Anna", "u1", "song", "codec", 40),
        ("Anna", "u1", "song", "reference", 100),
        ("Anna", "u1", "song", "anchor35", 10),
        ("Anna", "u1", "song", "lowpass-7k", 20),
        ("", "u2", "song", "codec", 60),
        ("", "u2", "song", "reference", 95),
    ]
    file.write_text(QUESTIONNAIRE + "".join(f"t,{a},{b},{c},{d},{e},9000,\n" for a, b, c, d, e in rows))
    ratings = read_answers([file]).mushra
    assert [(rating.listener, rating.system, rating.role, rating.score) for rating in ratings] == [
        ("Anna", "codec", SYSTEM, 40),
        ("Anna", "original", HIDDEN_REFERENCE, 100),
        ("Anna", "anchor35", ANCHOR, 10),
        ("Anna", "lowpass-7k", ANCHOR, 20),
        ("u2", "codec", SYSTEM, 60),
        ("u2", "original", HIDDEN_REFERENCE, 95),
    ]
    means = read_ratings([file], [run("codec"), run("lowpass-7k", "anchor")])
    assert means.scores == {"codec": {"song": 50}, "lowpass-7k": {"song": 20}}


def test_answers_of_earlier_releases_are_told_apart_by_the_questionnaire(tmp_path: Path) -> None:
    file = tmp_path / "mushra.csv"
    file.write_text(RELEASE_1_4 + "t,a@b,30,song,codec,50,1,\nt,,31,song,codec,70,1,\n")
    assert [rating.listener for rating in read_answers([file]).mushra] == ["a@b", "31"]
    for line, message in {
        "t,a@b,30,song,codec,50,1,\n" * 2: "line 3: codec on 'song' is rated twice in one session",
        "t,,,song,codec,50,1,\n": "line 2: neither session_uuid nor an answer",
        "t,a,30,song,codec,500,1,\n": "line 2: a score is 0 to 100, not 500",
        "t,a,30,song\n": "line 2: fewer cells",
    }.items():
        file.write_text(RELEASE_1_4 + line)
        with pytest.raises(UserError, match=message):
            read_answers([file])
