"""Where work happens: threads that read ahead, worker processes, a process for each device, or a Ray cluster."""

from m2l_bench.engine.base import Engine
from m2l_bench.engine.choice import LOCAL, EngineChoice
from m2l_bench.engine.workers import default_jobs, drain, map_unordered

__all__ = ["LOCAL", "Engine", "EngineChoice", "default_jobs", "drain", "map_unordered"]
