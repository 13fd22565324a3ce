"""Clips scored by Ray against the workers of one machine, and by two nodes against one.

    python benchmarks/engines.py --clips 60 --rounds 3

Scores 10-second clips with SI-SDR and ViSQOL. Nodes of one processor each run on this machine, so it needs as many
processors as nodes. Starting a cluster (some 10 s) and compiling ViSQOL are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any

from scoring import METRICS, tasks
from timing import machine

from m2l_bench.engine.base import Engine
from m2l_bench.engine.choice import EngineChoice
from m2l_bench.reconstruction.scoring import score

NODES = 2


def seconds(engine: Engine, clips: int) -> float:
    """Seconds to score clips."""
    started = time.perf_counter()
    assert sum(1 for _ in engine.map(score, tasks(clips, METRICS))) == clips
    return time.perf_counter() - started


def in_cluster(nodes: list[int], clips: int, rounds: int) -> dict[str, list[float]]:
    """Measure a cluster of nodes with these numbers of processors, and in turn as many workers without Ray."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": nodes[0]})
    for cpus in nodes[1:]:
        cluster.add_node(num_cpus=cpus)
    engines = {
        "local": EngineChoice("local").start("cpu", jobs=sum(nodes)),
        "ray": EngineChoice("ray", cluster.address).start("cpu"),
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds + 1):
        for name, engine in engines.items():
            taken = seconds(engine, clips if number else 2 * sum(nodes))
            if number:
                times[name].append(round(taken, 2))
                print(f"{nodes} processors, {name}: {taken:.1f} s", flush=True)
    ray.shutdown()
    cluster.shutdown()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    one, together, apart = (in_cluster(nodes, options.clips, options.rounds) for nodes in ([1], [NODES], [1] * NODES))
    results: dict[str, Any] = {"machine": machine(), "clips": options.clips}
    results["seconds"] = {"one node": one, f"one node of {NODES}": together, f"{NODES} nodes": apart}
    results["overhead on one machine"] = _ratio(together["ray"], together["local"]) - 1
    results["two nodes against one"] = statistics.median(one["ray"]) / statistics.median(apart["ray"])
    print(json.dumps(results, indent=2))


def _ratio(times: list[float], others: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


if __name__ == "__main__":
    main()
