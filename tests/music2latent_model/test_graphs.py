"""Which calls are recorded, replayed and dropped; `record` itself needs a GPU, see `tests/gpu/test_real.py`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from m2l_bench.music2latent import graphs
from m2l_bench.music2latent.graphs import Function, Replays


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened; a recording is kept as a graph keeps it: with places for its inputs and its output."""
    events: list[str] = []

    def record(function: Function, inputs: Sequence[Tensor], pool: Any) -> Function:
        events.append("record")
        places = [tensor.clone() for tensor in inputs]
        output = torch.empty_like(function(*places))

        def replay(*inputs: Tensor) -> Tensor:
            events.append("replay")
            for place, tensor in zip(places, inputs, strict=True):
                place.copy_(tensor)
            output.copy_(function(*places))
            return output.clone()

        return replay

    monkeypatch.setattr(graphs, "record", record)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    return events


def test_what_comes_again_is_replayed(events: list[str]) -> None:
    replays, results = Replays(), []
    for number in range(4):
        results.append(replays("sum", torch.add, torch.full((2,), float(number)), torch.ones(2)))
    assert [float(result[0]) for result in results] == [1, 2, 3, 4], "no result is overwritten by a later one"
    assert events == ["record", "replay", "replay", "replay"]


def test_shapes_types_and_names_are_set_apart(events: list[str]) -> None:
    replays = Replays()
    inputs = [torch.zeros(2), torch.zeros(3), torch.zeros(2, dtype=torch.float64)]
    for tensor in inputs:
        assert torch.equal(replays("exp", torch.exp, tensor), tensor.exp())
    assert torch.equal(replays(("exp", 2), torch.exp2, inputs[0]), inputs[0].exp2())
    assert events == []
    for tensor in inputs:
        assert torch.equal(replays("exp", torch.exp, tensor), tensor.exp())
    assert events == ["record", "replay"] * 3


def test_few_are_kept(events: list[str]) -> None:
    replays = Replays()
    for size in range(1, graphs.MOST_GRAPHS + 1):
        for _ in range(2):
            replays("exp", torch.exp, torch.zeros(size))
    replays("exp", torch.exp, torch.zeros(1))
    replays("exp", torch.exp, torch.zeros(100))  # drops the one of two values, used least recently
    assert len(replays.graphs) == graphs.MOST_GRAPHS
    events.clear()
    replays("exp", torch.exp, torch.zeros(1))
    replays("exp", torch.exp, torch.zeros(2))
    assert events == ["replay"]


@pytest.mark.parametrize("error", [RuntimeError("capturing"), torch.OutOfMemoryError("out of memory")])
def test_what_cannot_be_recorded_is_called(
    events: list[str], monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    tries = []

    def record(*arguments: Any) -> Function:
        tries.append(arguments)
        raise error

    monkeypatch.setattr(graphs, "record", record)
    replays = Replays()
    for number in range(4):
        assert replays("exp", torch.exp, torch.full((1,), float(number))) == torch.tensor(float(number)).exp()
    assert len(tries) == 1
    assert replays.refused == [str(error)]
