import numpy as np
import pytest
from support.audio import music
from support.toy_coder import FRAME, Framed

from m2l_bench.latent_space.dynamics import (
    autocorrelation,
    predict,
    predictable_bits,
    shift_robustness,
    spectral_slope,
)


def process(memory: float, width: int = 3, frames: int = 2000, seed: int = 0) -> np.ndarray:
    """An autoregressive process of variance one (width, frames): each frame is `memory` times the last, and noise."""
    noise = np.random.default_rng(seed).standard_normal((width, frames))
    latents = noise.copy()
    for i in range(1, frames):
        latents[:, i] = memory * latents[:, i - 1] + np.sqrt(1 - memory**2) * noise[:, i]
    return latents


def bits(clips: list[np.ndarray]) -> float:
    return predictable_bits(predict(clips))["predictability"]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_an_autoregressive_process(memory: float) -> None:
    """Its autocorrelation is its memory, and the last frame tells -log2(1 - memory ** 2) / 2 bits per channel."""
    clips = [process(memory, seed=seed) for seed in range(5)]
    assert autocorrelation(clips[0]) == pytest.approx(memory, abs=0.05)
    assert bits(clips) == pytest.approx(-3 / 2 * np.log2(1 - memory**2), abs=0.1)


def test_bits_do_not_depend_on_rotation_and_scale() -> None:
    clips = [np.vstack([process(0.9, 2, seed=seed), process(0.0, 2, seed=seed + 9)]) for seed in range(5)]
    matrix = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0] * 100
    assert bits([matrix @ clip + 7 for clip in clips]) == pytest.approx(bits(clips), abs=0.05)


def test_overfitting_is_not_prediction() -> None:
    """Noise in as many channels as there are frames in a clip tells nothing, although a regression fits it."""
    rng = np.random.default_rng(0)
    predictions = predict([rng.standard_normal((30, 40)) for _ in range(5)])
    assert predictable_bits(predictions)["predictability"] < 1


def test_too_few_frames_have_no_bits() -> None:
    rng = np.random.default_rng(0)
    assert np.isnan(bits([rng.standard_normal((30, 20)) for _ in range(5)]))
    assert predict([rng.standard_normal((3, 100))]) == []


@pytest.mark.parametrize(("sums", "slope"), [(0, 0.0), (1, -2.0)])
def test_slope_of_noise_and_of_a_random_walk(sums: int, slope: float) -> None:
    noise = np.random.default_rng(0).standard_normal((8, 4096))
    for _ in range(sums):
        noise = noise.cumsum(axis=1)
    assert spectral_slope(noise) == pytest.approx(slope, abs=0.15)


def test_a_coder_with_frames_of_one_sample_moves_with_a_shift() -> None:
    """A shift by whole frames: the latents are aligned, and the decoded audio is the same."""
    coder = Framed()
    clip = music(0.5)
    values = shift_robustness(coder, np.repeat(clip[:, ::FRAME], FRAME, axis=1)[:, : clip.shape[1]])
    assert values["shift_quarter"] < values["shift_half"]
    assert values["shift_half_mel"] == values["shift_quarter_mel"] == 0


def test_a_coder_that_keeps_the_mean_of_a_frame_is_hurt_by_a_shift() -> None:
    coder = Framed(lambda frames: frames.mean(axis=0, keepdims=True), lambda latents: np.repeat(latents, FRAME, axis=0))
    values = shift_robustness(coder, music(0.5))
    assert values["shift_half"] > 0 and values["shift_half_mel"] > 0
