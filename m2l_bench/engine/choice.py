"""Which engine a command uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from m2l_bench.engine.base import Engine
from m2l_bench.engine.local import LocalEngine
from m2l_bench.engine.torch_devices import torch_devices
from m2l_bench.engine.workers import default_jobs
from m2l_bench.errors import UserError

EngineName = Literal["local", "ray"]


@dataclass(frozen=True)
class EngineChoice:
    """The engine that a command asks for."""

    name: str = "local"
    """`local`, or `ray`."""
    address: str = ""
    """Address of the Ray cluster, or `auto`; empty: as Ray decides."""

    def start(self, device: str, jobs: int = 0) -> Engine:
        """Start the engine.

        Args:
            device: names of torch devices, see `torch_devices`.
            jobs: number of worker processes on this machine; 0: one per core.

        Raises:
            UserError: there is no such engine or device, or the cluster cannot be used.
        """
        if self.name not in get_args(EngineName):
            raise UserError(f"no engine '{self.name}'; there are {', '.join(get_args(EngineName))}")
        if self.name == "ray":
            if jobs:
                raise UserError(f"--jobs {jobs}: not with --engine ray, which uses all processors of the cluster")
            from m2l_bench.engine.ray_cluster import RayEngine

            return RayEngine(self.address, device)
        if self.address:
            raise UserError(f"--address {self.address}: only with --engine ray")
        return LocalEngine(torch_devices(device), jobs or default_jobs())


LOCAL = EngineChoice()
