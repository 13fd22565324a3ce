"""Levels and their differences in dB, of the audio that was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.audio import music, write
from support.runs import MakeRun

from m2l_bench import audio
from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.plots import spectrograms
from m2l_bench.plots.runs import load_runs


@pytest.fixture
def clips(tmp_path: Path, make_run: MakeRun) -> Path:
    """Two originals, a run of exact copies and one of recordings at half the level."""
    originals = tmp_path / "originals"
    rows = {}
    for i, id in enumerate(("first", "second")):
        path = write(originals / f"{id}.wav", music(seed=i), subtype="FLOAT")
        write(tmp_path / "half" / f"{id}.wav", music(seed=i) / 2, subtype="FLOAT")
        rows[id] = {"source_sha256": file_checksum(path)}
    scores = {"si_sdr_db": {"first": 1.0, "second": 2.0}}
    recorded = {"options": {"directory": str(tmp_path / "half"), "sample_rate": "label"}}
    place = {"dataset": "folder-originals", "root": str(originals)}
    make_run("half", scores, card=recorded, rows=rows, **place)
    rows_with_audio = {id: row | {"audio": f"audio/{id}.flac"} for id, row in rows.items()}
    folder = make_run("copy", scores, rows=rows_with_audio, **place)
    for id in rows:
        samples, rate = audio.read(originals / f"{id}.wav")
        (folder / "audio").mkdir(exist_ok=True)
        (folder / "audio" / f"{id}.flac").write_bytes(audio.flac_bytes(samples, rate))
    return tmp_path / "runs"


def test_what_is_too_soft_by_six_decibels(clips: Path) -> None:
    drawn = spectrograms.figure(load_runs([clips]), ["first"])
    levels = [np.asarray(axis.images[0].get_array()) for axis in drawn.axes if axis.images][:5]
    original, copy, half, copy_error, half_error = levels
    assert original.max() == pytest.approx(0, abs=1e-9) and original.shape[0] == spectrograms.BANDS
    assert all(axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in drawn.axes if axis.images)
    loud = original > -60
    assert np.abs(copy_error[loud]).max() < 0.5
    assert half_error[loud] == pytest.approx(-6.02, abs=0.01)
    assert (half - original)[loud] == pytest.approx(-6.02, abs=0.01) and copy.max() == pytest.approx(0, abs=0.1)


def test_silence_is_drawn(clips: Path) -> None:
    level, _ = spectrograms.levels(np.zeros((1, 44_100), np.float32), 44_100)
    assert (level == -spectrograms.RANGE_DB).all()


def test_by_default_one_of_median_score(clips: Path) -> None:
    drawn = spectrograms.figure(load_runs([clips], models=["copy"]))
    assert "second" in [text.get_text() for axis in drawn.axes for text in axis.texts]


def test_what_cannot_be_drawn(clips: Path, tmp_path: Path) -> None:
    runs = load_runs([clips])
    with pytest.raises(UserError, match="8 systems, but at most 7 fit side by side: choose from copy, half"):
        spectrograms.figure(4 * runs)
    with pytest.raises(UserError, match="no clip 'third' that all of these systems were measured on; there are first"):
        spectrograms.figure(runs, ["third"])
    (tmp_path / "half" / "first.wav").unlink()
    with pytest.raises(UserError, match="clip 'first': no recording of it"):
        spectrograms.figure(runs, ["first"])
    write(tmp_path / "originals" / "second.wav", music(seed=5))
    with pytest.raises(UserError, match="not the file that 'second' was measured on"):
        spectrograms.figure(runs, ["second"])


def test_runs_without_audio(make_run: MakeRun, clips: Path, tmp_path: Path) -> None:
    place = {"dataset": "folder-originals", "root": str(tmp_path / "originals")}
    rows = {"first": {"source_sha256": file_checksum(tmp_path / "originals" / "first.wav")}}
    make_run("mute", {"si_sdr_db": {"first": 1.0}}, rows=rows, **place)
    with pytest.raises(UserError, match="mute: this run kept no audio; `m2l-bench reconstruct --audio` keeps it"):
        spectrograms.figure(load_runs([clips], models=["mute"]))


def test_runs_that_do_not_say_where(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("mine", {"si_sdr_db": {"a": 1.0}}, dataset="elsewhere")
    with pytest.raises(UserError, match="needs a directory of audio: --data DIR"):
        spectrograms.figure(load_runs([tmp_path / "runs"]))
