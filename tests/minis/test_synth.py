from pathlib import Path

import numpy as np
import pytest

from m2l_bench.errors import UserError
from m2l_bench.minis import synth
from m2l_bench.minis.synth import DRUMS, RATE, Note, Synth

pytest.importorskip("tinysoundfont", reason="pip install --no-deps tinysoundfont")
pytest.importorskip("pretty_midi", reason="its wheel holds the soundfont")

VIOLIN = 40
NOTES = [Note(0.1, 0.6, 69, 90, VIOLIN), Note(0.3, 0.8, 60, 90, 0), Note(0.5, 0.7, 38, 90, DRUMS)]


@pytest.fixture(scope="module")
def player() -> Synth:
    return Synth()


def test_the_same_notes_give_the_same_samples_whatever_came_before(player: Synth) -> None:
    first = player.render(NOTES, 1.0)
    player.render([Note(0.0, 2.0, 40, 127, 19)], 1.0, cents=30.0)
    assert np.array_equal(player.render(NOTES, 1.0), first)
    assert np.array_equal(Synth().render(NOTES, 1.0), first)


def test_audio_is_mono_of_the_asked_length_and_begins_with_the_notes(player: Synth) -> None:
    audio = player.render(NOTES, 1.0)
    assert audio.shape == (1, RATE) and audio.dtype == np.float32
    start = round(0.1 * RATE)
    assert not audio[:, :start].any() and audio[:, start : start + 2000].any()
    assert not player.render([], 0.5).any()


def frequency(audio: np.ndarray) -> float:
    """Frequency of the strongest partial, in Hz."""
    spectrum = np.abs(np.fft.rfft(audio[0] * np.hanning(audio.shape[1]), 1 << 19))
    return float(spectrum.argmax() * RATE / (1 << 19))


def test_pitch_and_tuning(player: Synth) -> None:
    flute = [Note(0.0, 2.0, 81, 100, 73)]
    plain, raised = frequency(player.render(flute, 2.0)), frequency(player.render(flute, 2.0, cents=50.0))
    assert plain == pytest.approx(880.0, rel=0.01)
    assert 1200 * np.log2(raised / plain) == pytest.approx(50.0, abs=3.0)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"--soundfont .*none\.sf2: no such file"):
        Synth(tmp_path / "none.sf2")
    (tmp_path / "text.sf2").write_text("no soundfont")
    with pytest.raises(UserError, match=r"--soundfont .*text\.sf2: not readable as a soundfont"):
        Synth(tmp_path / "text.sf2")
    with pytest.raises(
        UserError, match=r"need the package nowhere: run pip install 'm2l-bench\[mini\]' && pip install"
    ):
        synth.require("nowhere")
    monkeypatch.setattr(synth, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="need a soundfont: run pip install"):
        Synth()
