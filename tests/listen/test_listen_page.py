"""From runs to the folder of a page: what is in it, what a second run does, what is said when something is missing."""

import io
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from support.audio import write
from support.command_line import M2L_BENCH, Cli
from support.pages import ONE_JOB, RATE, SCRIPT, flac_of, make_page, make_runs, noise

from m2l_bench.errors import UserError
from m2l_bench.listen import gather as gathering
from m2l_bench.listen import writer
from m2l_bench.listen.gather import gather
from m2l_bench.listen.picture import HEIGHT, WIDTH, difference, levels, spectrogram
from m2l_bench.listen.stimulus import prepare
from m2l_bench.listen.writer import FINISHED, write_page
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.runs.measured import measured_runs


def data_of(page: Path) -> dict:
    text = (page / "data.js").read_text()
    assert "<" not in text
    return json.loads(text.removeprefix("const DATA = ").removesuffix(";\n"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    make_page(folder, {SCRIPT: noise(1, 1), "quiet/two": 0.2 * noise(1.5, 2, channels=2)}, title=SCRIPT)
    return folder


def test_the_page_holds_what_was_measured(folder: Path) -> None:
    data = data_of(folder / "page")
    assert [clip["id"] for clip in data["clips"]] == [SCRIPT, "quiet/two"]
    # The reference is the original itself.
    assert [system["name"] for system in data["systems"]] == ["lowpass-7k", "lowpass-3.5k"]
    assert [metric["name"] for metric in data["metrics"]] == ["si_sdr_db"]
    runs = {run.name: run for run in measured_runs(folder / "runs").runs}
    for clip in data["clips"]:
        for name, stimulus in clip["made"].items():
            (row,) = (row for row in runs[name].measured if row.id == clip["id"])
            assert stimulus["values"] == [pytest.approx(row.values["si_sdr_db"], abs=0.001)]
            measured = soundfile.read(runs[name].folder / row.audio, dtype="int16")[0]
            assert np.array_equal(flac_of(folder / "page", stimulus["audio"]), measured)
        assert (folder / "page" / "pictures" / f"{clip['original']['audio']}.webp").is_file()
    assert data["clips"][0]["original"]["gain"] == 0.0
    assert data["clips"][0]["made"]["lowpass-3.5k"]["gain"] > 5, "a low-pass takes most of the loudness of noise"


def test_names_are_escaped_in_the_page(folder: Path) -> None:
    page = (folder / "page" / "index.html").read_text()
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_nothing_is_loaded_from_elsewhere(folder: Path) -> None:
    for path in [*(folder / "page").glob("*.js"), *(folder / "page").glob("*.css"), folder / "page" / "index.html"]:
        if path.name != "data.js":
            assert not re.findall(r"(?:src|href|url\(|import|fetch)[^\n]*https?:", path.read_text()), path.name


def test_a_second_run_writes_only_what_changed(tmp_path: Path) -> None:
    collection, page = make_page(tmp_path, {"one": noise(1, 1), "two": noise(1, 2)})
    before = {path: path.stat().st_mtime_ns for path in page.path.parent.glob("*/*")}
    assert len(before) == 2 * (2 * 3 + 2), "audio and pictures of original and two systems, and two differences"
    write_page(collection, page.path.parent, "Another title", 30.0, ONE_JOB)
    assert {path: path.stat().st_mtime_ns for path in page.path.parent.glob("*/*")} == before
    shorter = write_page(collection, page.path.parent, "Shorter", 0.5, ONE_JOB)
    after = set(shorter.path.parent.glob("*/*"))
    assert len(after) == len(before) and not after & set(before), "pieces that are no longer used are taken away"
    assert len(flac_of(shorter.path.parent, data_of(shorter.path.parent)["clips"][0]["original"]["audio"])) == RATE // 2


def test_a_killed_listen_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = {f"clip {number}": noise(2, number) for number in range(8)}
    collection = gather(make_runs(tmp_path, clips))
    page = tmp_path / "page"
    finished = page / FINISHED
    process = subprocess.Popen([*M2L_BENCH, "listen", "runs", "-o", "page", "--jobs", "1"], cwd=tmp_path)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (finished.exists() and finished.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    process.kill()
    assert process.wait(timeout=60) == -9
    safe = [json.loads(line)["clip"] for line in finished.read_bytes().split(b"\n")[:-1]]
    assert 2 <= len(safe) < len(clips)
    before = {path: path.stat().st_mtime_ns for path in page.glob("*/*")}
    with finished.open("ab") as journal:
        journal.write(b'{"clip": "torn off he')
    (page / "audio" / f".{'0' * 20}.1.part.js").write_text("half wri")
    read: list[str] = []
    monkeypatch.setattr(writer, "prepare", lambda clip, *rest: read.append(clip.clip.id) or prepare(clip, *rest))
    counted = CountingProgress()
    write_page(collection, page, "A page", 30.0, ONE_JOB, progress=counted)
    assert read == [id for id in clips if id not in safe], "finished clips are not read again"
    assert (counted.total, counted.done, counted.steps) == (len(clips), len(safe), len(read))
    assert [clip["id"] for clip in data_of(page)["clips"]] == list(clips)
    after = {path: path.stat().st_mtime_ns for path in page.glob("*/*")}
    assert len(after) == (2 * 3 + 2) * len(clips), "nothing half written is left"
    assert all(after[path] == time for path, time in before.items())
    # What has changed is read again: a piece that is gone, another file, another length.
    (page / "audio" / f"{data_of(page)['clips'][1]['original']['audio']}.js").unlink()
    os.utime(collection.clips[2].reconstructions["lowpass-7k"], (1, 1))
    read.clear()
    write_page(collection, page, "A page", 30.0, ONE_JOB)
    assert read == ["clip 1", "clip 2"]
    assert {path: path.stat().st_mtime_ns for path in page.glob("*/*")}.keys() == after.keys()
    read.clear()
    write_page(collection, page, "A page", 1.0, ONE_JOB)
    assert read == list(clips)


class CountingProgress:
    """A progress that keeps what it was told."""

    steps = 0

    @contextmanager
    def start(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        self.total, self.done = total, done
        yield self._step

    def _step(self) -> None:
        self.steps += 1


def test_pieces_have_the_length_of_the_original(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"one": noise(1)})
    (file,) = runs.glob("*/lowpass-7k/audio/*.flac")
    write(file, noise(0.5), RATE)  # as a codec that gives too little
    page = write_page(gather(runs), tmp_path / "page", "A page", 30.0, ONE_JOB).path.parent
    stimulus = flac_of(page, data_of(page)["clips"][0]["made"]["lowpass-7k"]["audio"])
    assert len(stimulus) == RATE
    assert not stimulus[RATE // 2 :].any()


def test_runs_without_audio_are_said_in_one_line(tmp_path: Path, cli: Cli) -> None:
    make_runs(tmp_path, {"one": noise(1)}, keep_audio=False)
    result = cli("listen", "runs", "-o", "page")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "kept no reconstructions to hear" in result.stderr and "--audio" in result.stderr
    assert not (tmp_path / "page").exists()


def test_of_two_datasets_the_newest_is_shown_and_the_other_is_named(tmp_path: Path) -> None:
    runs = make_runs(tmp_path / "a", {"one": noise(1)})
    shutil.move(make_runs(tmp_path / "b", {"two": noise(1)}) / "folder-originals", runs / "later")
    collection = gather(runs)
    assert (collection.dataset, [clip.clip.id for clip in collection.clips]) == ("later", ["two"])
    assert f"{runs} also holds runs over folder-originals: choose with --task" in collection.notes
    assert [clip.clip.id for clip in gather(runs, "folder-originals").clips] == ["one"]


def test_a_changed_original_is_left_out(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"one": noise(1, 1), "two": noise(1, 2)})
    write(tmp_path / "originals" / "two.wav", noise(1, 3), RATE)
    collection = gather(runs)
    assert [clip.clip.id for clip in collection.clips] == ["one"]
    assert "'two': left out" in collection.notes[-1] and "not the file that was measured" in collection.notes[-1]
    shutil.move(tmp_path / "originals", tmp_path / "elsewhere")
    with pytest.raises(UserError, match="name their folder with --data"):
        gather(runs)
    assert [clip.clip.id for clip in gather(runs, data=tmp_path / "elsewhere").clips] == ["one"]
    write(tmp_path / "others" / "three.wav", noise(1), RATE)
    with pytest.raises(UserError, match="2 clips no longer in the dataset, such as 'one'"):
        gather(runs, data=tmp_path / "others")


def test_captions_and_a_damaged_file(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"one": noise(1, 1), "two": noise(1, 2)})
    (tmp_path / "captions.csv").write_text('ytid,caption\none,"Noise, <b>white</b>"\n')
    for file in runs.glob("*/lowpass-7k/audio/two.flac"):
        file.write_bytes(b"fLaC" + bytes(50))
    page = write_page(gather(runs, captions=tmp_path / "captions.csv"), tmp_path / "page", "A page", 30.0, ONE_JOB)
    assert list(page.left_out) == ["two"]
    (clip,) = data_of(page.path.parent)["clips"]
    assert clip["caption"] == "Noise, <b>white</b>"
    (tmp_path / "captions.csv").write_text("name,text\n")
    with pytest.raises(UserError, match="needs the columns id"):
        gather(runs, captions=tmp_path / "captions.csv")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="something else"):
        write_page(gather(folder / "runs"), tmp_path, "A page", 30.0, ONE_JOB)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = np.where(time < 1, np.sin(2 * np.pi * 1000 * time), np.sin(2 * np.pi * 10_000 * time)).astype(np.float32)[
        None
    ]
    tone_levels = levels(tone, RATE, -3.0)
    picture = np.asarray(Image.open(io.BytesIO(spectrogram(tone_levels))).convert("L"), float)
    assert picture.shape == (HEIGHT, WIDTH)
    # 1 and 10 kHz lie at 25 and 83 % of the mel axis, as timeline.js labels them.
    assert picture[:, WIDTH // 4].argmax() == pytest.approx(HEIGHT * 0.75, abs=2)
    assert picture[:, 3 * WIDTH // 4].argmax() == pytest.approx(HEIGHT * 0.17, abs=2)
    silence = levels(0 * tone, RATE, None)
    assert np.asarray(Image.open(io.BytesIO(spectrogram(silence)))).max() < 10
    red, _, blue = np.asarray(Image.open(io.BytesIO(difference(tone_levels, silence))), float).transpose(2, 0, 1)
    place = round(HEIGHT * 0.75), WIDTH // 4
    assert red[place] > blue[place] + 50, "what is too loud is orange"
    red, _, blue = np.asarray(Image.open(io.BytesIO(difference(silence, tone_levels))), float).transpose(2, 0, 1)
    assert blue[place] > red[place] + 20, "what is too soft is purple"


def test_a_link_to_the_page_has_a_preview(folder: Path) -> None:
    html = (folder / "page" / "index.html").read_text()
    assert '<meta property="og:image" content="overview.png">' in html
    assert '<meta property="og:description" content="2 systems, 2 clips: hear them beside the originals">' in html
    with Image.open(folder / "page" / "overview.png") as image:
        assert image.size == (1200, 630)


def test_an_original_is_hashed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(gathering, "file_checksum", lambda path: hashed.append(path) or file_checksum(path))
    clips = gather(folder / "runs").clips
    assert hashed == [clip.clip.path for clip in clips]
