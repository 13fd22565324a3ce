"""Where work happens: threads that read ahead, worker processes, and a process for each device.

A third engine needs what `devices.map_on_devices` needs: items are paths and settings, and `load` turns the name of a
device into a function from items to results.
"""

from m2l_bench.engine.workers import default_jobs, drain, map_unordered

__all__ = ["default_jobs", "drain", "map_unordered"]
