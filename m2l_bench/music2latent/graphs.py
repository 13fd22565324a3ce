"""CUDA graphs: what a function does on a GPU, recorded once and replayed, without the host between its kernels.

Chunks have one length, so encoding and decoding run the same kernels again and again. A function is recorded when
inputs of its shapes come for the second time: what comes once would not repay it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

MOST_GRAPHS = 8
"""Graphs that are kept. They share their working memory; each has its inputs and its output beside it."""

Function = Callable[..., Tensor]


class Replays:
    """Functions of tensors on one GPU, with a graph for each that was seen before; results equal those without.

    A function that cannot be recorded is called each time. The least recently used graphs are dropped.
    """

    def __init__(self) -> None:
        self.graphs: OrderedDict[Hashable, Function | None] = OrderedDict()
        """What is called in place of a function; None: seen once."""
        self.refused: list[str] = []
        """Why functions could not be recorded."""
        self.pool: Any = None
        self.lock = threading.Lock()

    def __call__(self, name: Hashable, function: Function, *inputs: Tensor) -> Tensor:
        """Call `function`, or replay it.

        Args:
            name: of the function and of all constants in it.
            inputs: its arguments, on the GPU. The first call with their shapes and types is an ordinary one.
        """
        key = (name, *((tensor.shape, tensor.dtype) for tensor in inputs))
        with self.lock:
            if key not in self.graphs:
                self.graphs[key] = None
                while len(self.graphs) > MOST_GRAPHS:
                    self.graphs.popitem(last=False)
                return function(*inputs)
            self.graphs.move_to_end(key)
            replay = self.graphs[key]
            if replay is None:
                replay = self.graphs[key] = self._recorded(function, inputs)
            return replay(*inputs)

    def _recorded(self, function: Function, inputs: Sequence[Tensor]) -> Function:
        try:
            with torch.cuda.device(inputs[0].device):
                self.pool = self.pool or torch.cuda.graph_pool_handle()
                return record(function, inputs, self.pool)
        except RuntimeError as error:  # an operation that cannot be recorded, or no room for a graph's own memory
            self.refused.append(str(error))
            return function


def record(function: Function, inputs: Sequence[Tensor], pool: Any) -> Function:
    """Record what a function does with inputs of these shapes; returns what replays it with others.

    Args:
        pool: memory that graphs share, of which only one is replayed at a time.

    Raises:
        RuntimeError: the function does what cannot be recorded, such as waiting for the GPU, or memory is full.
    """
    places = [tensor.clone() for tensor in inputs]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # libraries set themselves up and choose their kernels
        function(*places)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        output = function(*places)

    def replay(*inputs: Tensor) -> Tensor:
        for place, tensor in zip(places, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return output.clone()

    return replay
