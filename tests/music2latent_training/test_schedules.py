"""Step sizes, learning rates and averages as training goes on, and recipes as text."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.music2latent.training.recipe import RECIPES, Recipe
from m2l_bench.music2latent.training.schedules import current_step, ema_decay, learning_rate_factor

PAPER = RECIPES["paper"]


def test_the_paper_s_ends() -> None:
    assert current_step(0, 800_000, PAPER) == pytest.approx(0.1)
    assert current_step(800_000, 800_000, PAPER) == pytest.approx(0.001)
    assert learning_rate_factor(0, 800_000, PAPER) == 0
    assert learning_rate_factor(10_000, 800_000, PAPER) == 1
    assert learning_rate_factor(800_000, 800_000, PAPER) == pytest.approx(0.01)
    assert ema_decay(1, PAPER) == pytest.approx(2 / 11)
    assert ema_decay(10**6, PAPER) == 0.9999


@given(length=st.integers(1, 10**6), data=st.data(), name=st.sampled_from(sorted(RECIPES)))
def test_everything_stays_in_its_bounds_and_falls(length: int, data: st.DataObject, name: str) -> None:
    recipe = RECIPES[name]
    iteration = data.draw(st.integers(0, length - 1))
    now, later = (current_step(i, length, recipe) for i in (iteration, iteration + 1))
    assert recipe.initial_step >= now >= later >= recipe.initial_step**recipe.final_exponent * (1 - 1e-12)
    factor = learning_rate_factor(iteration, length, recipe)
    assert 0 <= factor <= 1
    if iteration >= min(recipe.warmup_iterations, length // 10):
        assert learning_rate_factor(iteration + 1, length, recipe) <= factor


def test_as_long_as_the_length_is_not_known() -> None:
    fast = RECIPES["fast"]
    assert current_step(1000, 0, fast) == fast.initial_step
    assert learning_rate_factor(250, 0, fast) == 0.5
    assert learning_rate_factor(10_000, 0, fast) == 1


def test_a_short_run_warms_up_for_a_tenth() -> None:
    assert learning_rate_factor(5, 100, PAPER) == 0.5
    assert learning_rate_factor(10, 100, PAPER) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_as_text(name: str) -> None:
    assert Recipe.from_json(RECIPES[name].to_json()) == RECIPES[name]


@pytest.mark.parametrize("text", ["[]", "{}", json.dumps({"batch_size": 16}), "no"])
def test_other_text_is_no_recipe(text: str) -> None:
    with pytest.raises(ValueError):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: expected more than 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"iterations": -1}, "cannot be negative"),
        ({"crop_frames": 20}, "crop_frames is 20: expected a multiple of 8"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"optimiser": "sgd"}, "optimiser is 'sgd': expected radam, adam or muon"),
    ],
)
def test_numbers_that_cannot_be_used(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **change)
