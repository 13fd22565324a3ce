import numpy as np
import pytest
from support.audio import music

from m2l_bench.codecs.anchors import HiddenReference, LowPass


def gain_db(cutoff_hz: float, rate: int, frequency_hz: float) -> float:
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(rate) / rate)[None].astype(np.float32)
    inner = slice(rate // 10, -rate // 10)
    filtered = LowPass(cutoff_hz).reconstruct("", tone, rate)[0, inner]
    return float(10 * np.log10(np.mean(filtered**2) / np.mean(tone[0, inner] ** 2) + 1e-20))


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_3_5_khz_anchor_meets_bs_1534(rate: int) -> None:
    """ITU-R BS.1534-3: within 0.1 dB to 3.5 kHz, at least 25 dB down at 4 kHz and 50 dB at 4.5 kHz."""
    for frequency in (100, 1000, 3000, 3500):
        assert abs(gain_db(3500, rate, frequency)) < 0.1
    assert gain_db(3500, rate, 4000) < -25
    assert gain_db(3500, rate, 4500) < -50


def test_length_is_kept_and_nothing_is_delayed() -> None:
    audio = music(0.5, channels=2)
    filtered = LowPass(7000).reconstruct("", audio, 44_100)
    assert filtered.shape == audio.shape
    assert np.argmax(np.correlate(filtered[0], audio[0], "full")) == audio.shape[1] - 1


def test_a_cutoff_above_the_signal_changes_nothing() -> None:
    audio = music(0.1, 8000)
    np.testing.assert_array_equal(LowPass(7000).reconstruct("", audio, 8000), audio)


def test_the_hidden_reference_is_the_original() -> None:
    audio = music(0.1)
    np.testing.assert_array_equal(HiddenReference().reconstruct("", audio, 44_100), audio)
