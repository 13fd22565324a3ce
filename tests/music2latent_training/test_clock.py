"""A run that is given minutes ends its schedule with them, whatever compilation and checkpoints take."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.music2latent.training.clock import Clock
from m2l_bench.music2latent.training.recipe import RECIPES
from m2l_bench.music2latent.training.schedules import Schedule


@given(
    minutes=st.floats(2, 60),
    step=st.floats(0.02, 0.5),
    drift=st.floats(0.7, 1.4),
    compilation=st.floats(0, 60),
    pause=st.floats(0, 4),
    interval=st.floats(30, 600),
)
def test_the_schedule_ends_within_three_hundredths_of_the_time(
    minutes: float, step: float, drift: float, compilation: float, pause: float, interval: float
) -> None:
    """Steps grow slower or faster by `drift` over the run; time is simulated."""
    now = 0.0
    recipe = RECIPES["fast"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: now)
        clock, schedule, iteration, saved = Clock(minutes, 0.0), Schedule(), 0, 0.0
        with clock.pause():
            now += pause
        while not clock.is_over and not (schedule.iterations and iteration >= schedule.iterations):
            if now - saved > interval:
                with clock.pause():
                    now += pause
                saved = now
            if not schedule.iterations or 20 * (iteration - schedule.decided_at) >= schedule.iterations:
                more = clock.steps_that_fit(interval)
                schedule = schedule.decide(iteration, iteration + more, recipe) if more else schedule
            now += step * (1 + (drift - 1) * now / (60 * minutes)) + (compilation if iteration == 0 else 0)
            iteration += 1
            clock.count_step()
        now += pause
    assert now == pytest.approx(60 * minutes, rel=0.03, abs=2 * pause + 2 * step)
    assert schedule.progress(iteration) > 0.97


def test_the_first_steps_and_pauses_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    clock = Clock(None, 10.0)
    assert clock.speed == 0
    for number in range(25):
        now += 100.0 if number == 0 else 1.0
        clock.count_step()
        with clock.pause():
            now += 7.0
    assert clock.speed == pytest.approx(1.0)
    assert clock.seconds == pytest.approx(10 + 100 + 24 + 25 * 7)
