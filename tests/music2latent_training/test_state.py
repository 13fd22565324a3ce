"""Checkpoints: whole and compact, sound and damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from m2l_bench.music2latent import CheckpointError, checkpoint
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.loop import initial_state
from m2l_bench.music2latent.training.schedules import Schedule
from m2l_bench.music2latent.training.state import COMPACT, WHOLE, State

from .conftest import MINUSCULE, SHORT, equal


@pytest.fixture
def state() -> State:
    start = initial_state(MINUSCULE, SHORT, 5)
    average = {name: 0.5 * tensor for name, tensor in start.weights.items()}
    schedule = Schedule.known(6, SHORT).decide(3, 7, SHORT)
    return replace(start, average=average, iteration=4, schedule=schedule, average_updates=3, seconds=2.5, skipped=1)


def test_a_whole_checkpoint_comes_back_as_it_was(state: State, tmp_path: Path) -> None:
    states.save(state, tmp_path)
    back = states.load(tmp_path)
    assert equal(back.weights, state.weights)
    assert equal(back.average, state.average)
    empty = {"weights": {}, "average": {}}
    assert replace(back, **empty) == replace(state, **empty)
    assert [path.name for path in tmp_path.iterdir()] == [WHOLE]


def test_a_checkpoint_of_an_older_version_holds_the_number_of_iterations(state: State, tmp_path: Path) -> None:
    states.save(state, tmp_path)
    content = torch.load(tmp_path / WHOLE, weights_only=True)
    del content["schedule"]
    torch.save({**content, "iterations": 6}, tmp_path / WHOLE)
    assert states.load(tmp_path).schedule == Schedule.known(6, SHORT)


def test_a_compact_one_is_half_as_precise_and_in_small_parts(state: State, tmp_path: Path) -> None:
    parts = states.save_compact(state, tmp_path, 60_000)
    assert len(parts) > 2
    assert all(part.stat().st_size <= 60_000 for part in parts)
    back = states.load(tmp_path)
    for name, tensor in state.weights.items():
        assert torch.allclose(back.weights[name], tensor, rtol=1e-3, atol=1e-6)
        assert torch.allclose(back.average[name], 0.5 * tensor, rtol=1e-3, atol=1e-6)
    assert back.optimisers == []
    assert (back.iteration, back.schedule, back.average_updates, back.recipe) == (4, state.schedule, 3, SHORT)


def test_a_tensor_larger_than_a_part(state: State, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="parts of 1000 are too small"):
        states.save_compact(state, tmp_path, 1000)


def test_plain_weights_begin_a_run(tmp_path: Path) -> None:
    networks = Networks(MINUSCULE)
    checkpoint.save(networks, tmp_path)
    state = states.load(tmp_path)
    assert state.iteration == 0
    assert equal(state.weights, networks.state_dict())
    assert equal(state.average, networks.state_dict())


@pytest.mark.parametrize("damage", ["cut", "foreign", "other"])
def test_damaged_whole_checkpoints(state: State, tmp_path: Path, damage: str) -> None:
    states.save(state, tmp_path)
    file = tmp_path / WHOLE
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "foreign":
        file.write_bytes(b"not a checkpoint")
    else:
        torch.save({"format": "other"}, file)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: not a whole checkpoint of a run"):
        states.load(tmp_path)


def test_pickles_never_run_code(tmp_path: Path) -> None:
    class Mischief:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"format": states.WHOLE_FORMAT, "seed": Mischief()}, tmp_path / WHOLE)
    with pytest.raises(CheckpointError):
        states.load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_damaged_compact_checkpoints(state: State, tmp_path: Path) -> None:
    parts = states.save_compact(state, tmp_path, 60_000)
    content = bytearray(parts[1].read_bytes())
    content[-1] ^= 1
    parts[1].write_bytes(content)
    with pytest.raises(CheckpointError, match=r"part-01\.safetensors is damaged"):
        states.load(tmp_path)
    parts[1].unlink()
    with pytest.raises(CheckpointError, match=r"part-01\.safetensors"):
        states.load(tmp_path)
    (tmp_path / COMPACT).write_text(json.dumps({"format": "other"}))
    with pytest.raises(CheckpointError, match="another format"):
        states.load(tmp_path)


def test_a_full_disk_leaves_the_checkpoint_before(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states.save(state, tmp_path)

    def no_room(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598\nmore")

    monkeypatch.setattr(torch, "save", no_room)
    with pytest.raises(OSError, match="unexpected pos"):
        states.save(replace(state, iteration=5), tmp_path)
    monkeypatch.undo()
    assert states.load(tmp_path).iteration == 4
    assert [path.name for path in tmp_path.iterdir()] == [WHOLE]


def test_differences_are_told_in_words() -> None:
    assert states.differences(SHORT, SHORT) == []
    assert states.differences(replace(SHORT, batch_size=8), SHORT) == ["batch_size was 4, now 8"]
