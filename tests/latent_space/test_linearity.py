import numpy as np
import pytest
from support.audio import music
from support.toy_coder import Framed, affine, deaf, rotated, squared

from m2l_bench.latent_space.linearity import gain_error, pair_linearity

X, Y = music(0.5, seed=1), music(0.5, seed=2)


@pytest.mark.parametrize("coder", [Framed(), rotated(), affine()], ids=["identity", "rotation", "affine"])
def test_a_linear_coder_has_no_error_whatever_its_offset(coder: Framed) -> None:
    pair = pair_linearity(coder, X, Y)
    assert gain_error(coder, X)["gain_error"] == pytest.approx(0, abs=1e-4)
    assert pair["additivity_error"] == pytest.approx(0, abs=1e-4)
    assert pair["midpoint_mel"] == pytest.approx(0, abs=1e-3)
    assert pair["mix_mel"] == pytest.approx(0, abs=1e-3)


def test_a_square_is_known_to_be_wrong_by_a_half() -> None:
    """(x / 2) ** 2 is half of x ** 2 / 2."""
    assert gain_error(squared(), X)["gain_error"] == pytest.approx(0.5, rel=1e-4)
    assert pair_linearity(squared(), X, Y)["additivity_error"] > 0.1
    assert pair_linearity(squared(), X, Y)["midpoint_mel"] > 0.1


def test_a_coder_that_ignores_loudness_is_wrong_by_one() -> None:
    coder = Framed(lambda frames: frames / np.linalg.norm(frames))
    assert gain_error(coder, X)["gain_error"] == pytest.approx(1, rel=1e-4)


def test_latents_that_do_not_depend_on_the_audio_have_no_value() -> None:
    coder = Framed(lambda frames: 0 * frames + 1, deaf().backward)
    assert np.isnan(gain_error(coder, X)["gain_error"])
