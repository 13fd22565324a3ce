"""The loop: exact, restartable, and not to be thrown by a bad step."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from m2l_bench.music2latent import Music2Latent
from m2l_bench.music2latent.private_apis import import_fabric
from m2l_bench.music2latent.training import clock, loop
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.loop import MOST_SKIPPED, TrainingError, initial_state
from m2l_bench.music2latent.training.prefetch import Share
from m2l_bench.music2latent.training.settings import Settings, Status, Validation

from .conftest import MINUSCULE, SHORT, equal, rows_of, run


def stop_after(iteration: int, number: int = signal.SIGTERM):
    def on_status(status: Status) -> None:
        if status.iteration == iteration:
            os.kill(os.getpid(), number)

    return on_status


def test_a_run_leaves_a_model_a_checkpoint_and_a_log(corpus_folder: Path, tmp_path: Path) -> None:
    seen: list[Status] = []
    result = run(
        corpus_folder,
        tmp_path,
        on_status=seen.append,
        validate=lambda model: Validation({"answer": 42.0}, {"tone": np.zeros(100, np.float32)}),
    )
    assert [status.iteration for status in seen] == [1, 2, 3, 4, 5, 6]
    assert result.iteration == result.iterations == 6
    assert result.average_updates == 6
    model = Music2Latent.from_pretrained(tmp_path / "model")
    assert equal(model.checkpoint.networks.state_dict(), result.average)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (rows[0]["iteration"], rows[0]["answer"]) == (0, 42), "what the untrained model does"
    assert rows[1]["iteration"] == 1
    assert rows[1]["loss"] > 0
    assert rows[-1]["answer"] == 42
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("optimiser", "number"), [("radam", signal.SIGTERM), ("adam", signal.SIGINT), ("muon", signal.SIGTERM)]
)
def test_a_stopped_run_goes_on_bit_exactly(corpus_folder: Path, tmp_path: Path, optimiser: str, number: int) -> None:
    start = initial_state(MINUSCULE, replace(SHORT, optimiser=optimiser), 0)
    whole = run(corpus_folder, tmp_path / "whole", start)
    stopped = run(corpus_folder, tmp_path / "parts", start, on_status=stop_after(3, number))
    assert stopped.iteration == 3
    result = run(corpus_folder, tmp_path / "parts", states.load(tmp_path / "parts"))
    assert equal(result.weights, whole.weights)
    assert equal(result.average, whole.average)
    assert not equal(result.weights, start.weights)


class Killed(BaseException):
    """What ends a run at once, as SIGKILL does."""


NINE = replace(SHORT, iterations=9)
VALIDATED = {"validate": lambda model: Validation({"answer": 42.0})}


def log_often(patch: pytest.MonkeyPatch) -> None:
    """Rows of 1, 3, 6 and 9 iterations; checkpoints with validations after 0, 2, 4, 6 and 8."""
    patch.setattr(loop, "CHECK_EVERY", 3)
    patch.setattr(loop._Run, "_is_checkpoint_due", lambda run: run.iteration % 2 == 0)


@pytest.fixture(scope="module")
def whole(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        log_often(patch)
        run(corpus_folder, folder, initial_state(MINUSCULE, NINE, 0), **VALIDATED)
    return folder


@pytest.mark.parametrize("killed_at", [1, 5, 8])
def test_the_log_of_a_killed_run_becomes_that_of_a_whole_one(
    corpus_folder: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    log_often(monkeypatch)

    def kill(status: Status) -> None:
        if status.iteration == killed_at:
            raise Killed

    with pytest.raises(Killed):
        run(corpus_folder, tmp_path, initial_state(MINUSCULE, NINE, 0), on_status=kill, **VALIDATED)
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text() + '{"iteration": 9, "loss": 0.1}\n{"iteration": 9, "lo')
    run(corpus_folder, tmp_path, states.load(tmp_path), **VALIDATED)
    expected = rows_of(whole)
    assert rows_of(tmp_path) == expected
    assert [row["iteration"] for row in expected if "loss" in row] == [1, 3, 6, 9]
    assert curve(tmp_path) == curve(whole) == [row["loss"] for row in expected if "loss" in row]


def curve(folder: Path) -> list[float]:
    """Losses as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [pytest.approx(event.value) for event in events.Scalars("loss")]


def test_passes_add_up_to_the_same_step(corpus_folder: Path, tmp_path: Path) -> None:
    one = run(corpus_folder, tmp_path / "one")
    four = run(corpus_folder, tmp_path / "four", accumulate=4)
    for name, tensor in one.weights.items():
        assert torch.allclose(four.weights[name], tensor, atol=1e-4), name


def test_half_precision_trains(corpus_folder: Path, tmp_path: Path) -> None:
    result = run(corpus_folder, tmp_path, precision="bf16-mixed")
    assert all(tensor.isfinite().all() for tensor in result.weights.values())
    assert all(tensor.dtype == torch.float32 for tensor in result.weights.values())


def test_time_decides_the_length_where_the_recipe_leaves_it_open(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of which each step takes a third of a second."""
    messages: list[str] = []
    done: list[Status] = []
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: len(done) / 3))
    start = initial_state(MINUSCULE, replace(SHORT, iterations=0), 0)
    result = run(corpus_folder, tmp_path, start, minutes=0.1, on_status=done.append, on_message=messages.append)
    assert result.iterations > 5
    assert result.iteration <= result.iterations
    assert any("iterations fit in 0.1 min" in message for message in messages)
    assert f"{result.iteration} iterations of 4 crops in 0.1 minutes" in messages[-1]
    with pytest.raises(TrainingError, match="pass --max-minutes or --iterations"):
        run(corpus_folder, tmp_path, start)


def spoil(monkeypatch: pytest.MonkeyPatch, iterations: set[int]) -> None:
    """Make the spectrograms of some steps NaN."""
    prepare, calls = loop.prepare, iter(range(10**6))

    def spoiled(*arguments):
        inputs = prepare(*arguments)
        if next(calls) in iterations:
            inputs[0].fill_(torch.nan)
        return inputs

    monkeypatch.setattr(loop, "prepare", spoiled)


def test_a_step_without_a_finite_loss_is_left_out(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {2})
    messages: list[str] = []
    result = run(corpus_folder, tmp_path, on_message=messages.append)
    assert messages[:-1] == ["iteration 2: loss or gradient not finite, step left out"]
    assert (result.iteration, result.skipped, result.average_updates) == (6, 1, 5)
    assert all(tensor.isfinite().all() for tensor in result.weights.values())


@pytest.mark.parametrize("optimiser", ["radam", "adam", "muon"])
def test_steps_that_are_not_waited_for_do_the_same(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimiser: str
) -> None:
    """As on a GPU: a bad step is found at the next check, and the steps since the one before are repeated."""
    start = initial_state(MINUSCULE, replace(SHORT, optimiser=optimiser, iterations=8), 0)
    results, rows, messages = [], [], []
    for waits in (True, False):
        monkeypatch.setattr(loop, "waits_for_each_step", lambda device, waits=waits: waits)
        monkeypatch.setattr(loop, "CHECK_EVERY", 3)
        with monkeypatch.context() as patch:
            spoil_uniform(patch, iteration=4)
            messages.append([])
            out = tmp_path / str(waits)
            results.append(run(corpus_folder, out, start, on_message=messages[-1].append))
        rows.append([json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()])
    assert equal(results[0].weights, results[1].weights)
    assert equal(results[0].average, results[1].average)
    assert results[1].skipped == 1 and results[1].average_updates == 7
    assert messages[0][:-1] == messages[1][:-1] == ["iteration 4: loss or gradient not finite, step left out"]
    assert [row["iteration"] for row in rows[1]] == [1, 3, 6]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


def spoil_uniform(monkeypatch: pytest.MonkeyPatch, iteration: int) -> None:
    """Make the spectrograms of one iteration NaN, each time that it is done."""
    prepare, spoiled = loop.prepare, {}
    draw = Share.draw

    def drawn(self, number):
        batches = draw(self, number)
        spoiled[batches[0].noise_seeds] = number == iteration
        return batches

    def prepared(batch, *arguments):
        inputs = prepare(batch, *arguments)
        if spoiled[batch.noise_seeds]:
            inputs[0].fill_(torch.nan)
        return inputs

    monkeypatch.setattr(Share, "draw", drawn)
    monkeypatch.setattr(loop, "prepare", prepared)


def test_too_many_of_them_end_the_run_with_the_batch_on_disk(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, set(range(2, 100)))
    start = initial_state(MINUSCULE, replace(SHORT, iterations=50), 0)
    with pytest.raises(TrainingError, match=f"{MOST_SKIPPED} steps in a row without a finite loss"):
        run(corpus_folder, tmp_path, start)
    (saved,) = tmp_path.glob("not-finite-*.npz")
    with np.load(saved) as batch:
        assert batch["audio"].shape == (4, 19 * MINUSCULE.hop)
        assert batch["uniform"].shape == (4, 2)


def test_out_of_memory_says_what_to_try(corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "prepare", full)
    with pytest.raises(TrainingError, match="out of memory with 2 crops at once: --accumulate 4 halves them"):
        run(corpus_folder, tmp_path, accumulate=2)


def test_a_full_disk_during_the_run_and_at_its_end(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []

    def full(*arguments) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(states, "save", full)
    with pytest.raises(TrainingError, match=r"the checkpoint cannot be written .*No space left"):
        run(corpus_folder, tmp_path, interval_minutes=0, on_message=messages.append)
    assert len(messages) >= 5
    assert all("No space left on device" in message and "training goes on" in message for message in messages)


@pytest.mark.parametrize("accumulate", [3, 8])
def test_a_batch_that_does_not_divide(corpus_folder: Path, tmp_path: Path, accumulate: int) -> None:
    with pytest.raises(TrainingError, match=f"a batch of 4 cannot be split into {accumulate} parts"):
        run(corpus_folder, tmp_path, accumulate=accumulate)


def test_float16_refuses_two_optimisers(corpus_folder: Path, tmp_path: Path) -> None:
    class Scaling:
        scaler = object()

    fabric = import_fabric()(accelerator="cpu", devices=1)
    fabric._precision = Scaling()
    with pytest.raises(TrainingError, match="16-mixed cannot scale the gradients of two optimisers"):
        loop._Run(initial_state(MINUSCULE, SHORT, 0), None, Settings(tmp_path), fabric)
