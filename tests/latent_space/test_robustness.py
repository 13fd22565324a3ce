import numpy as np
import pytest
from support.audio import music
from support.toy_coder import FRAME, Framed, deaf, fading, rotated

from m2l_bench.latent_space.measures import NOISE_LEVELS, ROUNDS
from m2l_bench.latent_space.robustness import as_int8, disturbed, drift

CLIP = music(0.5)
MEAN, DEVIATION = np.zeros((FRAME, 1)), np.full((FRAME, 1), 0.05)


def test_more_noise_is_farther_and_finer_storage_is_nearer() -> None:
    values = disturbed(Framed(), CLIP, MEAN, DEVIATION, seed=0)
    noise = [values[f"noise_{level:g}_mel"] for level in NOISE_LEVELS]
    assert noise == sorted(noise) and noise[0] > 0
    assert values["float16_mel"] < values["int8_mel"] < values["noise_0.5_mel"]
    assert values["dropped_mel"] > 0
    assert disturbed(Framed(), CLIP, MEAN, DEVIATION, seed=0) == values


def test_noise_is_in_units_of_the_deviation() -> None:
    """Latents and deviations that are scaled together give the same distances."""
    scaled = Framed(lambda frames: 1000 * frames, lambda latents: latents / 1000)
    first = disturbed(Framed(), CLIP, MEAN, DEVIATION, seed=0)
    second = disturbed(scaled, CLIP, 1000 * MEAN, 1000 * DEVIATION, seed=0)
    for name in ("noise_0.1_mel", "dropped_mel", "int8_mel"):
        assert second[name] == pytest.approx(first[name], rel=0.01)


def test_a_decoder_that_hears_nothing_is_not_disturbed() -> None:
    assert set(disturbed(deaf(), CLIP, MEAN, DEVIATION, seed=0).values()) == {0.0}


def test_eight_bits_keep_the_largest_number_of_a_channel() -> None:
    latents = np.random.default_rng(0).standard_normal((3, 50)) * [[1], [100], [0]]
    stored = as_int8(latents)
    largest = np.abs(latents).max(axis=1)
    np.testing.assert_allclose(np.abs(stored).max(axis=1), largest)
    assert (np.abs(stored - latents).max(axis=1) <= largest / 254 + 1e-12).all()
    assert all(len(np.unique(channel)) <= 255 for channel in stored)


def test_a_lossless_coder_does_not_drift_and_one_that_fades_does() -> None:
    assert max(drift(rotated(), CLIP).values()) == pytest.approx(0, abs=1e-3)
    values = [drift(fading(), CLIP)[f"drift_{rounds}_mel"] for rounds in ROUNDS]
    assert values == sorted(values) and values[0] > 0.1
