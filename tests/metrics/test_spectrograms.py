"""Spectral distances and coherences against what the published packages measured on the same signals, see
scripts/record_spectral_distances.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.audio import music

from devtools.degraded_pairs import degraded_pairs
from m2l_bench.audio import resample
from m2l_bench.errors import Undefined
from m2l_bench.metrics import PAIRED, spectrograms

RECORDED = json.loads((Path(__file__).parent / "data" / "spectral_distances.json").read_text())


@pytest.mark.parametrize("name", RECORDED)
def test_equals_the_published_packages(name: str) -> None:
    measured = spectrograms.measure(*degraded_pairs()[name], 44_100, list(RECORDED[name]))
    assert measured == pytest.approx(RECORDED[name], abs=1e-5)
    for metric in RECORDED[name]:
        assert PAIRED[metric].measure(*degraded_pairs()[name], 44_100) == pytest.approx(measured[metric], abs=1e-6)


def test_other_rates_are_measured_at_44_1_khz() -> None:
    original, degraded = degraded_pairs()["stereo, noisy and narrower"]
    higher = [resample(audio, 44_100, 48_000) for audio in (original, degraded)]
    assert PAIRED["mel_distance"].measure(*higher, 48_000) == pytest.approx(
        PAIRED["mel_distance"].measure(original, degraded, 44_100), rel=0.02
    )


def test_what_differs_in_the_side_is_not_in_the_mid() -> None:
    original = music(0.5, channels=2)
    side = music(0.5, seed=5) / 4
    changed = original + np.concatenate([side, -side])
    values = spectrograms.measure(original, changed, 44_100, [f"mel_distance{part}" for part in spectrograms.PARTS])
    assert values["mel_distance_mid"] == pytest.approx(0, abs=1e-3)
    assert values["mel_distance_side"] > 0.3


def test_a_silent_side_of_the_original_has_no_spectral_convergence() -> None:
    equal = np.repeat(music(0.5), 2, axis=0)
    with pytest.raises(Undefined, match="the side of the original is silent"):
        PAIRED["mr_stft_auraloss_side"].measure(equal, music(0.5, channels=2), 44_100)
    assert PAIRED["mel_distance_side"].measure(equal, equal, 44_100) == 0
