import numpy as np
import pytest
from support.audio import music

from m2l_bench import audio, load_codec
from m2l_bench.datasets import bundled
from m2l_bench.metrics.si_sdr import si_sdr

CODERS = {"opus-12k": (8, 18, 0.5), "opus-24k": (15, 32, 3), "mp3-32k": (31, 33, 3), "vorbis-64k": (40, 90, 8)}


@pytest.mark.parametrize("name", CODERS)
def test_rate_is_as_the_card_says_and_nothing_is_delayed(name: str) -> None:
    low, high, worst_db = CODERS[name]
    original, rate = audio.read(bundled.load().clips[3].path)
    reconstruction = load_codec(name).reconstruct("clip", original, rate)
    kilobits = reconstruction.cost["latent_bytes"] * 8 / 1000 / (original.shape[1] / rate)
    assert low < kilobits < high
    assert reconstruction.audio.shape == original.shape
    spectra = np.fft.rfft(audio.to_mono(original)[0], 1 << 20).conj() * np.fft.rfft(reconstruction.audio[0], 1 << 20)
    correlation = np.fft.irfft(spectra)
    assert min(np.argmax(correlation), len(correlation) - np.argmax(correlation)) <= 3
    assert si_sdr(original, reconstruction.audio) > worst_db


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize(("rate", "channels", "seconds"), [(8_000, 1, 0.01), (96_000, 2, 0.3), (44_100, 6, 0.3)])
def test_any_audio(name: str, rate: int, channels: int, seconds: float) -> None:
    original = music(seconds, rate, channels)
    assert load_codec(name).reconstruct("clip", original, rate).audio.shape == original.shape
