import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from m2l_bench.errors import Undefined
from m2l_bench.metrics.si_sdr import si_sdr


def noise(seed: int, channels: int = 1, samples: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((channels, samples)).astype(np.float32)


@pytest.mark.parametrize("level", [1e-3, 0.1, 1.0, 30.0])
def test_equals_torchmetrics_on_mono(level: float) -> None:
    reference = noise(0)
    estimate = reference + np.float32(level) * noise(1)
    theirs = scale_invariant_signal_distortion_ratio(
        torch.from_numpy(estimate).double(), torch.from_numpy(reference).double(), zero_mean=True
    )
    assert si_sdr(reference, estimate) == pytest.approx(theirs.item(), abs=1e-6)


@settings(max_examples=50)
@given(gain=st.floats(0.01, 100), offset=st.floats(-1, 1), seed=st.integers(0, 100))
def test_gain_polarity_and_offset_do_not_matter(gain: float, offset: float, seed: int) -> None:
    reference = noise(seed, 2)
    estimate = reference + 0.3 * noise(seed + 1, 2)
    expected = si_sdr(reference, estimate)
    assert si_sdr(reference, np.float32(-gain) * estimate + np.float32(offset)) == pytest.approx(expected, abs=1e-3)


def test_orthogonal_noise_of_a_tenth_of_the_energy_is_ten_decibels() -> None:
    time = np.arange(1000)
    reference = np.sin(2 * np.pi * 10 * time / 1000)[None]
    distortion = np.sqrt(0.1) * np.cos(2 * np.pi * 10 * time / 1000)[None]
    assert si_sdr(reference, reference + distortion) == pytest.approx(10.0, abs=1e-9)


def test_a_copy_is_infinite_and_an_unrelated_signal_is_very_low() -> None:
    assert si_sdr(noise(0), noise(0)) == float("inf")
    assert si_sdr(noise(0), 0.5 * noise(0)) == float("inf")
    assert si_sdr(noise(0), noise(1)) < -20


def test_mono_stored_as_stereo_scores_as_mono_and_a_silent_channel_does_no_harm() -> None:
    reference, estimate = noise(0), noise(0) + 0.1 * noise(1)
    mono = si_sdr(reference, estimate)
    assert si_sdr(np.repeat(reference, 2, 0), np.repeat(estimate, 2, 0)) == pytest.approx(mono)
    silent = np.zeros_like(reference)
    assert si_sdr(np.vstack([reference, silent]), np.vstack([estimate, silent])) == pytest.approx(mono)


@pytest.mark.parametrize(
    ("reference", "estimate", "reason"),
    [(0.0, 1.0, "the original is silent"), (1.0, 0.0, "the reconstruction is constant")],
)
def test_silence_is_undefined_with_its_reason(reference: float, estimate: float, reason: str) -> None:
    with pytest.raises(Undefined, match=reason):
        si_sdr(np.float32(reference) * noise(0), np.float32(estimate) * noise(1) + 0.25)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="the same shape"):
        si_sdr(noise(0), noise(0)[:, 1:])
