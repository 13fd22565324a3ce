"""Step sizes, learning rates and averages as training goes on, and recipes as text."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.music2latent.training.recipe import RECIPES, Recipe
from m2l_bench.music2latent.training.schedules import Schedule, ema_decay

PAPER = RECIPES["paper"]


def test_the_paper_s_ends() -> None:
    schedule = Schedule.known(800_000, PAPER)
    assert schedule.step(0, PAPER) == pytest.approx(0.1)
    assert schedule.step(800_000, PAPER) == pytest.approx(0.001)
    assert schedule.learning_rate_factor(0, PAPER) == 0
    assert schedule.learning_rate_factor(10_000, PAPER) == 1
    assert schedule.learning_rate_factor(800_000, PAPER) == pytest.approx(0.01)
    assert ema_decay(1, PAPER) == pytest.approx(2 / 11)
    assert ema_decay(10**6, PAPER) == 0.9999


@given(length=st.integers(1, 10**6), data=st.data(), name=st.sampled_from(sorted(RECIPES)))
def test_everything_stays_in_its_bounds_and_falls(length: int, data: st.DataObject, name: str) -> None:
    recipe = RECIPES[name]
    schedule = Schedule.known(length, recipe)
    iteration = data.draw(st.integers(0, length - 1))
    now, later = (schedule.step(i, recipe) for i in (iteration, iteration + 1))
    assert recipe.initial_step >= now >= later >= recipe.initial_step**recipe.final_exponent * (1 - 1e-12)
    factor = schedule.learning_rate_factor(iteration, recipe)
    assert 0 <= factor <= 1
    if iteration >= min(recipe.warmup_iterations, length // 10):
        assert schedule.learning_rate_factor(iteration + 1, recipe) <= factor


def test_as_long_as_the_length_is_not_known() -> None:
    fast, unknown = RECIPES["fast"], Schedule()
    assert unknown.step(1000, fast) == fast.initial_step
    assert unknown.learning_rate_factor(250, fast) == 0.5
    assert unknown.learning_rate_factor(10_000, fast) == 1


def test_a_short_run_warms_up_for_a_tenth() -> None:
    schedule = Schedule.known(100, PAPER)
    assert schedule.learning_rate_factor(5, PAPER) == 0.5
    assert schedule.learning_rate_factor(10, PAPER) == 1


@given(
    decisions=st.lists(st.tuples(st.integers(1, 3_000), st.integers(1, 10**5)), min_size=1, max_size=5),
    name=st.sampled_from(sorted(RECIPES)),
)
def test_nothing_jumps_when_the_length_becomes_known_or_is_corrected(
    decisions: list[tuple[int, int]], name: str
) -> None:
    recipe = RECIPES[name]
    schedule, iteration = Schedule(), 0
    for steps, more in decisions:
        iteration += steps
        if schedule.iterations and iteration >= schedule.iterations:
            break
        decided = schedule.decide(iteration, iteration + more, recipe)
        assert decided.step(iteration, recipe) == pytest.approx(schedule.step(iteration, recipe), rel=1e-9)
        before = schedule.learning_rate_factor(iteration, recipe)
        assert decided.learning_rate_factor(iteration, recipe) == pytest.approx(before, abs=1e-9)
        first = schedule.iterations == 0
        schedule = decided
        if first and before < 1:  # as steep as before, or what is left of it over as many steps again
            rise = schedule.learning_rate_factor(iteration + 1, recipe) - before
            assert rise <= max(1 / recipe.warmup_iterations, (1 - before) / min(iteration, more / 2)) + 1e-9
    end = schedule.iterations
    assert schedule.step(end, recipe) == pytest.approx(recipe.initial_step**recipe.final_exponent)
    assert schedule.learning_rate_factor(end, recipe) == pytest.approx(
        recipe.final_learning_rate / recipe.learning_rate
    )


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
