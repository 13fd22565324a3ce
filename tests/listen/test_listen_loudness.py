"""Loudness and gains: the reference signals of the standards, and what the gains promise."""

import numpy as np
import pytest
from support.pages import RATE, noise

from m2l_bench.listen.loudness import PEAK_LIMIT_DB, Level, matching_gains, measure


def sine(level_db: float, channels: int, hertz: float = 997.0) -> np.ndarray:
    time = np.arange(3 * RATE) / RATE
    return np.tile(10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * time), (channels, 1)).astype(np.float32)


def test_the_reference_sine_of_ebu_tech_3341() -> None:
    # A stereo sine at 1 kHz with peaks of -23 dB full scale reads -23 LUFS within 0.1 LU; so does mono on two speakers.
    assert measure(sine(-23, 2, 1000), RATE).lufs == pytest.approx(-23, abs=0.1)
    assert measure(sine(-23, 1, 1000), RATE).lufs == pytest.approx(-23, abs=0.1)
    assert measure(sine(-6, 1), RATE).peak_db == pytest.approx(-6, abs=0.05)


def test_a_peak_between_samples_is_found() -> None:
    # A sine at a quarter of the rate, sampled 45 degrees beside its peaks: samples at -3 dB, peaks at 0 dB.
    audio = np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4).astype(np.float32)[None]
    assert measure(audio, RATE).peak_db == pytest.approx(0, abs=0.1)


def test_silence_and_short_pieces_have_no_loudness() -> None:
    assert measure(np.zeros((1, RATE), np.float32), RATE) == Level(None, -120.0)
    assert measure(noise(0.3), RATE).lufs is None


def test_gains_match_and_leave_headroom() -> None:
    original = noise(2)
    versions = {"quiet": original * 0.25, "loud": np.clip(original * 4, -1, 1)}
    levels = {name: measure(audio, RATE) for name, audio in versions.items()}
    gains, headroom = matching_gains(measure(original, RATE), levels)
    for name, audio in versions.items():
        matched = audio * 10 ** ((gains[name] or 0) / 20)
        assert measure(matched, RATE).lufs == pytest.approx(measure(original, RATE).lufs, abs=0.05)
        assert measure(matched, RATE).peak_db + headroom <= PEAK_LIMIT_DB + 0.05
    assert gains["quiet"] == pytest.approx(12.04, abs=0.05)


def test_gains_are_held_and_undefined_ones_are_none() -> None:
    original = Level(-20.0, -10.0)
    gains, headroom = matching_gains(original, {"hiss": Level(-69.0, -60.0), "silent": Level(None, -120.0)})
    assert gains == {"hiss": 20.0, "silent": None}
    assert headroom == 0.0
    assert matching_gains(Level(None, -120.0), {"loud": Level(-5.0, 0.0)})[0] == {"loud": None}
