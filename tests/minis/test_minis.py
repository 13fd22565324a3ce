import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Cli

from m2l_bench import audio
from m2l_bench.datasets import beatport_key, magnatagatune, tinysol
from m2l_bench.datasets.checking import check
from m2l_bench.errors import UserError
from m2l_bench.minis import beatport as mini_beatport
from m2l_bench.minis import build, midi_files
from m2l_bench.minis import magnatagatune as mini_magnatagatune
from m2l_bench.minis import tinysol as mini_tinysol
from m2l_bench.minis.chorales import Chorale, Event, chorales
from m2l_bench.minis.splitting import split_groups
from m2l_bench.minis.synth import DRUMS, Note
from m2l_bench.minis.workshop import make
from m2l_bench.progress import Quiet

pytest.importorskip("tinysoundfont", reason="pip install --no-deps tinysoundfont")
pretty_midi = pytest.importorskip("pretty_midi")


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Interrupting(Quiet):
    """Stops after some files, as Ctrl-C would."""

    def __init__(self, after: int) -> None:
        self.left = after

    def start(self, name: str, total: int, done: int):
        def advance() -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

        context = super().start(name, total, done)
        context.enter_result = advance
        return context


def test_mini_tinysol_is_read_by_tinysols_loader_and_comes_out_the_same(tmp_path: Path) -> None:
    """Every eleventh pitch, which still meets all pitch classes."""
    done = mini_tinysol.build(tmp_path / "a", None, Quiet(), every=11)
    with pytest.raises(KeyboardInterrupt):
        mini_tinysol.build(tmp_path / "b", None, Interrupting(after=20), every=11)
    with pytest.raises(UserError, match=r"not complete; `m2l-bench data make mini-tinysol .*b` continues"):
        tinysol.load(tmp_path / "b", name="mini-tinysol")
    resumed = mini_tinysol.build(tmp_path / "b", None, Quiet(), every=11)
    assert resumed == {"files": done["files"], "rendered": done["rendered"] - 20}
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert mini_tinysol.build(tmp_path / "b", None, Quiet(), every=11)["rendered"] == 0

    dataset = tinysol.load(tmp_path / "a", name="mini-tinysol", target="instrument")
    assert len(dataset.classes) == 14 and len(dataset.clips) == done["rendered"] and not dataset.missing
    assert tinysol.load(tmp_path / "a", name="mini-tinysol").classes == tinysol.PITCH_CLASSES
    for clip in dataset.clips:
        sound, rate = audio.read(clip.path)
        assert sound.shape == (1, round(3.2 * rate)) and rate == 44_100
        assert 0.01 < np.abs(sound).max() < 1.0, clip.id


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = {"soundfont_sha256": "a"}
    plan = mini_tinysol.plan(lambda notes, seconds, cents: np.ones((1, 100), np.float32), every=30)
    make("mini-tinysol", tmp_path / "set", recipe, lambda: plan, Quiet())
    with pytest.raises(UserError, match="made with another soundfont_sha256; delete that folder or name another one"):
        make("mini-tinysol", tmp_path / "set", {"soundfont_sha256": "b"}, lambda: plan, Quiet())
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "music.wav").touch()
    with pytest.raises(UserError, match="not empty and not made by this command"):
        make("mini-tinysol", tmp_path / "own", recipe, lambda: plan, Quiet())
    gone = tmp_path / "set" / plan.jobs[3].path
    gone.unlink()
    assert make("mini-tinysol", tmp_path / "set", recipe, lambda: plan, Quiet())["rendered"] == 1 and gone.is_file()


def chorale(name: str, tonic: int, mode: str) -> Chorale:
    """A scale over a held tonic, four voices."""
    steps = (0, 2, 4, 5, 7, 9, 11, 12) if mode == "major" else (0, 2, 3, 5, 7, 8, 10, 12)
    top = tuple(Event(float(i), i + 1.0, 60 + tonic + step) for i, step in enumerate(steps))
    bass = (Event(0.0, 8.0, 36 + tonic),)
    return Chorale(name, tonic, mode, name, (top, bass, bass, bass))


def test_mini_beatport_is_in_the_keys_it_says(tmp_path: Path) -> None:
    scores = [chorale(f"bwv{i}", i % 12, "major" if i % 2 else "minor") for i in range(48)]
    played: list[list[Note]] = []

    def render(notes: list[Note], seconds: float) -> np.ndarray:
        played.append(notes)
        return np.full((1, 100), 0.5, np.float32)

    plan = mini_beatport.plan(render, scores, least=1)
    assert len(plan.jobs) == 24 * 4 + 24 * 6
    make("mini-beatport", tmp_path, {}, lambda: plan, Quiet())
    dataset = beatport_key.load(tmp_path, name="mini-beatport")
    assert len(dataset.clips) == 240 and set(dataset.classes) == set(beatport_key.KEYS)
    splits = {}
    for clip in dataset.clips:
        assert splits.setdefault(clip.group, clip.split) == clip.split
    for job, notes in zip(plan.jobs, played, strict=True):
        tonic = tinysol.PITCH_CLASSES.index(Path(job.path).stem.split(" ")[2])
        pitched = [note for note in notes if note.program != DRUMS]
        assert min(note.pitch for note in pitched) % 12 == tonic
        assert max(note.end for note in pitched) == pytest.approx(9.5)
        assert min(note.start for note in notes) >= 0.0
    assert 60 < sum(any(note.program == DRUMS for note in notes) for notes in played) < 180
    meta = json.loads((tmp_path / "meta" / "bwv1 in C major.json").read_text())
    assert 76 <= meta["bpm"] <= 126 and meta["key"] == "C major"


def test_chorales_whose_key_is_beyond_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = pytest.importorskip("music21.corpus")
    names = ("bwv66.6", "bwv121.6", "bwv112.5", "bwv260")
    paths = [path for path in corpus.getComposer("bach") if path.name.rpartition(".")[0] in names]
    monkeypatch.setattr(corpus, "getComposer", lambda name: paths)
    scores = {score.name: score for score in chorales(Quiet())}
    score = scores["bwv66.6"]
    assert (score.tonic, score.mode, len(score.voices), score.end) == (6, "minor", 4, 36.0)
    assert score.voices[0][0] == Event(0.0, 0.5, 73)
    assert "bwv121.6" not in scores  # in B minor by signature and analysis, it ends on F sharp
    assert scores["bwv260"].tune == "bwv112.5"


def midi_file(path: Path, programs: list[int], beats_per_minute: float, seconds: float, velocity: int = 90) -> Path:
    midi = pretty_midi.PrettyMIDI(initial_tempo=beats_per_minute)
    for program in programs:
        part = pretty_midi.Instrument(max(program, 0), is_drum=program < 0)
        pitches = 36 if program < 0 else 60
        part.notes = [pretty_midi.Note(velocity, pitches, at, at + 0.45) for at in np.arange(0, seconds, 0.5)]
        midi.instruments.append(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))
    return path


@pytest.fixture
def midi_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "midi"
    for i in range(20):
        programs = [(0, 33, -1), (24, 48, -1), (0, 24, 33), (48, 33, -1)][i % 4]
        midi_file(folder / f"Piece no. {i}.mid", list(programs), (80.0, 120.0, 150.0)[i % 3], 30.5 + i % 2 * 10, 90 + i)
    (folder / "copy.mid").write_bytes((folder / "Piece no. 3.mid").read_bytes())
    (folder / "broken.mid").write_bytes(b"MThd broken")
    return folder


def test_mini_magnatagatune_tags_what_sounds(tmp_path: Path, midi_folder: Path) -> None:
    pieces = midi_files.read_pieces(midi_files.midi_contents(midi_folder))
    assert len(pieces) == 20
    played: list[list[Note]] = []

    def render(notes: list[Note], seconds: float) -> np.ndarray:
        played.append(notes)
        return np.full((1, 100), 0.5, np.float32)

    plan = mini_magnatagatune.plan(render, pieces, least=1, least_pieces=2)
    make("mini-magnatagatune", tmp_path / "set", {}, lambda: plan, Quiet())
    dataset = magnatagatune.load(tmp_path / "set", name="mini-magnatagatune")
    assert dataset.classes == ("bass", "drums", "ensemble", "fast", "guitar", "piano", "slow")
    assert check("mini-magnatagatune", tmp_path / "set", Quiet()).sound
    held = {clip.path.relative_to(tmp_path / "set").as_posix(): clip for clip in dataset.clips}
    for job, notes in zip(plan.jobs, played, strict=True):
        clip = held[job.path]
        assert {mini_magnatagatune.stem(note) for note in notes} == {*clip.labels} - {"slow", "fast"}
        assert all(0.0 <= note.start < note.end <= 10.0 for note in notes)
    for tag in dataset.classes:
        assert 0 < sum(tag in clip.labels for clip in dataset.clips) < len(dataset.clips)
    splits = {}
    for clip in dataset.clips:
        assert splits.setdefault(clip.group, clip.split) == clip.split


def test_tempo_is_that_of_the_window() -> None:
    notes = tuple(Note(at, at + 0.4, 60, 90, 0) for at in np.arange(0.0, 20.0, 0.5))
    piece = midi_files.Piece("two tempi", "0", notes, ((0.0, 80.0), (10.0, 160.0)), 20.0)
    first, second = mini_magnatagatune.windows(piece)
    assert first.tags == {"piano", "slow"} and second.tags == {"piano", "fast"}
    assert not mini_magnatagatune.windows(replace(piece, notes=notes[:1]))


def test_music_in_a_wad(tmp_path: Path) -> None:
    content = midi_file(tmp_path / "a.mid", [0], 120.0, 5.0).read_bytes()
    lumps = [(b"D_E1M1", content), (b"PLAYPAL", b"\0" * 9)]
    directory, body = b"", b""
    for name, lump in lumps:
        directory += struct.pack("<ii8s", 12 + len(body), len(lump), name)
        body += lump
    (tmp_path / "wads").mkdir()
    wad = tmp_path / "wads" / "game.wad"
    wad.write_bytes(struct.pack("<4sii", b"IWAD", 2, 12 + len(body)) + body + directory)
    assert [name for name, _ in midi_files.midi_contents(tmp_path / "wads").values()] == ["game-d_e1m1"]
    wad.write_bytes(wad.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"game\.wad: not readable as a WAD file"):
        midi_files.midi_contents(tmp_path / "wads")


def test_without_midi_files_it_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi_files, "DEBIAN_FOLDERS", ())
    with pytest.raises(UserError, match="apt-get install freedoom openttd-openmsx`, or pass --midi DIR"):
        build("mini-magnatagatune", tmp_path / "set", None, None, Quiet())
    with pytest.raises(UserError, match="no such folder"):
        build("mini-magnatagatune", tmp_path / "set", None, tmp_path / "none", Quiet())
    with pytest.raises(UserError, match="--midi is for mini-magnatagatune, not for mini-tinysol"):
        build("mini-tinysol", tmp_path / "set", None, tmp_path, Quiet())
    assert not (tmp_path / "set").exists()


def test_too_few_pieces_to_split() -> None:
    with pytest.raises(UserError, match=r"too few pieces \(2\)"):
        split_groups({"a": [frozenset("x")], "b": [frozenset("y")]}, least=1)


@pytest.mark.full
def test_the_command_makes_a_set_from_a_folder_of_midi(tmp_path: Path, cli: Cli, midi_folder: Path) -> None:
    result = cli("data", "make", "mini-magnatagatune", "set", "--midi", midi_folder, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    dataset = magnatagatune.load(tmp_path / "set", name="mini-magnatagatune")
    assert report["rendered"] == len(dataset.clips)
    sound, rate = audio.read(dataset.clips[0].path)
    assert sound.shape == (1, 10 * rate) and np.abs(sound).max() == pytest.approx(0.7, abs=1e-3)
