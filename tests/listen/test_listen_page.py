"""From runs to the folder of a page: what is in it, what a second run does, what is said when something is missing."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from support.audio import write
from support.command_line import Cli
from support.pages import RATE, SCRIPT, flac_of, make_page, make_runs, noise

from m2l_bench.errors import UserError
from m2l_bench.listen.gather import gather
from m2l_bench.listen.picture import HEIGHT, WIDTH, spectrogram
from m2l_bench.listen.writer import write_page


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
    assert [system["name"] for system in data["systems"]] == ["lowpass-3.5k", "lowpass-7k"]
    assert [metric["name"] for metric in data["metrics"]] == ["si_sdr_db"]
    runs = {run.name: run for run in gather(folder / "runs").systems}
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
    assert len(before) == 2 * 2 * 3, "audio and picture of original and two systems; the hidden reference is no piece"
    write_page(collection, page.path.parent, "Another title", 30.0, jobs=1)
    assert {path: path.stat().st_mtime_ns for path in page.path.parent.glob("*/*")} == before
    shorter = write_page(collection, page.path.parent, "Shorter", 0.5, jobs=1)
    after = set(shorter.path.parent.glob("*/*"))
    assert len(after) == len(before) and not after & set(before), "pieces that are no longer used are taken away"
    assert len(flac_of(shorter.path.parent, data_of(shorter.path.parent)["clips"][0]["original"]["audio"])) == RATE // 2


def test_pieces_have_the_length_of_the_original(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"one": noise(1)})
    (file,) = runs.glob("*/lowpass-7k/audio/*.flac")
    write(file, noise(0.5), RATE)  # as a codec that gives too little
    page = write_page(gather(runs), tmp_path / "page", "A page", 30.0, jobs=1).path.parent
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
    with pytest.raises(UserError, match="2 clips that are no longer in the dataset, such as 'one'"):
        gather(runs, data=tmp_path / "others")


def test_captions_and_a_damaged_file(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"one": noise(1, 1), "two": noise(1, 2)})
    (tmp_path / "captions.csv").write_text('ytid,caption\none,"Noise, <b>white</b>"\n')
    for file in runs.glob("*/lowpass-7k/audio/two.flac"):
        file.write_bytes(b"fLaC" + bytes(50))
    page = write_page(gather(runs, captions=tmp_path / "captions.csv"), tmp_path / "page", "A page", 30.0, jobs=1)
    assert list(page.left_out) == ["two"]
    (clip,) = data_of(page.path.parent)["clips"]
    assert clip["caption"] == "Noise, <b>white</b>"
    (tmp_path / "captions.csv").write_text("name,text\n")
    with pytest.raises(UserError, match="needs the columns id"):
        gather(runs, captions=tmp_path / "captions.csv")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="something else"):
        write_page(gather(folder / "runs"), tmp_path, "A page", 30.0, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = np.where(time < 1, np.sin(2 * np.pi * 1000 * time), np.sin(2 * np.pi * 10_000 * time)).astype(np.float32)[
        None
    ]
    picture = np.asarray(Image.open(io.BytesIO(spectrogram(tone, RATE, -3.0))).convert("L"), float)
    assert picture.shape == (HEIGHT, WIDTH)
    # 1 and 10 kHz lie at 25 and 83 % of the mel axis, as timeline.js labels them.
    assert picture[:, WIDTH // 4].argmax() == pytest.approx(HEIGHT * 0.75, abs=2)
    assert picture[:, 3 * WIDTH // 4].argmax() == pytest.approx(HEIGHT * 0.17, abs=2)
    assert np.asarray(Image.open(io.BytesIO(spectrogram(0 * tone, RATE, None)))).max() < 10
