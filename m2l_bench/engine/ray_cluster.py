"""The engine of a Ray cluster: an actor for each GPU, or for each node without GPUs, and tasks on all processors.

The command runs in this process, which alone writes runs. Nodes see the same files under the same paths as this
process, and have the same version of this package. What a lost node was working on is done again by the others. A
node that has run out of disk is there, but it may be unable to start a process: no item is blamed for that.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic
from uuid import uuid4

from m2l_bench import __version__
from m2l_bench.boundary import explain_full_disk, is_disk_full
from m2l_bench.engine.base import Engine, Item, Result, Task, Work
from m2l_bench.engine.workers import SINGLE_THREADED
from m2l_bench.errors import UserError
from m2l_bench.text import one_line

WAITING = 8
"""Tasks that wait for a processor; their audio is in memory."""
RETRIES = 3
"""Times that a task is repeated whose process or node was lost."""
TRIES_ALONE = 2
"""Times that an item is tried alone on a node that is still there when its process has died."""
DEATH_SECONDS = 15.0
"""Time within which the cluster notices that a node is gone, after the processes on it."""
CONNECTION_SECONDS = 10.0
"""Time within which the address of a cluster answers."""
ANSWER_SECONDS = 120.0
"""Time that a node has to start a process and say which version it has."""


@dataclass(frozen=True)
class Place:
    """A place for a process that loads systems."""

    node: str
    """Id of the node."""
    device: str
    """Torch device, as it is named there."""
    cpus: int
    """Number of processors for it."""
    number: int = 0
    """Number of the GPU among those of the node."""


@dataclass
class _Job(Generic[Item]):
    """Items that a process has; those of a process that was lost are done again, one alone."""

    items: list[Item]
    alone: bool = False
    tries: int = 0


class RayEngine(Engine):
    """An engine on a Ray cluster.

    Args:
        address: address of the cluster, or `auto`; empty: the one of the environment variable RAY_ADDRESS, the one that
            was started on this machine, or else a new one.
        device: `cpu`, `cuda`, or `auto`: the GPUs of the cluster or, without any, its processors.

    Raises:
        UserError: no cluster answers, a node has another version of this package, or there is no GPU.
    """

    name = "ray"
    device = "cpu"
    here = False

    def __init__(self, address: str, device: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        if device not in ("auto", "cpu", "cuda"):
            raise UserError(f"--device {device}: expected auto, cpu or cuda with --engine ray")
        self.wanted_device = device
        if not ray.is_initialized():
            _connect(address or os.environ.get("RAY_ADDRESS", ""))
        elif address not in ("", "auto", joined := ray.get_runtime_context().gcs_address):
            raise UserError(f"--address {address}: this process is already in the cluster {joined}")
        _check_nodes()
        self._look_around()

    def precision(self, asked: str) -> str:
        """Choose float32 where no number type is asked for: the GPUs are on other machines, and may differ."""
        return "float32" if asked == "auto" else asked

    def map(
        self, function: Callable[..., Result], tasks: Iterable[Task], lost: Callable[..., Result] | None = None
    ) -> Iterator[Result]:
        """Call a function for each task on a processor of the cluster."""
        import ray

        remote = ray.remote(_in_folder).options(
            num_cpus=1,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": SINGLE_THREADED},
        )
        pending: dict[Any, Task] = {}

        def finished(least: int) -> Iterator[Result]:
            while len(pending) > least:
                done, _ = ray.wait(list(pending))
                task = pending.pop(done[0])
                try:
                    yield _get(done[0])
                except ray.exceptions.RayError:
                    _check_nodes(in_new_processes=True)
                    if lost is None:
                        raise
                    yield lost(*task)

        try:
            for task in tasks:
                with _room_for_objects():
                    pending[remote.remote(Path.cwd(), function, *task)] = task
                yield from finished(self.jobs + WAITING - 1)
            yield from finished(0)
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

    def map_on_devices(
        self,
        load: Callable[[str], Work[Item, Result]],
        items: Iterable[Item],
        group: int,
        lost: Callable[[Item], Result],
    ) -> Iterator[Result]:
        """Do items in the actors; those of an actor that was lost are done again, one at a time."""
        import ray

        rest = iter(items)
        again: deque[_Job[Item]] = deque()
        actors: dict[Place, Any] = {}
        pending: dict[Any, tuple[Place, _Job[Item]]] = {}

        def fill(place: Place) -> None:
            jobs = [job for owner, job in pending.values() if owner == place]
            while len(jobs) < 2 and not any(job.alone for job in jobs):
                if again and jobs:
                    return
                job = again.popleft() if again else _Job(list(itertools.islice(rest, group)))
                if not job.items:
                    return
                if place not in actors:
                    actors[place] = _actor(load, place)
                jobs.append(job)
                pending[actors[place].do.remote(job.items)] = (place, job)

        def repeat(place: Place, failed: _Job[Item]) -> Iterator[Result]:
            """Put the items of a lost actor back; an item that killed it twice is lost."""
            actors.pop(place, None)
            others = [reference for reference, (owner, _) in pending.items() if owner == place]
            jobs = [failed, *(pending.pop(reference)[1] for reference in others)]
            if failed.alone and _is_there(place.node):
                failed.tries += 1
                _check_nodes(in_new_processes=True)
            for job in jobs:
                for item in job.items:
                    if job.tries == TRIES_ALONE:
                        yield lost(item)
                    else:
                        again.append(_Job([item], alone=True, tries=job.tries))

        try:
            while True:
                for place in self.places:
                    fill(place)
                if not pending:
                    return
                done, _ = ray.wait(list(pending))
                place, job = pending.pop(done[0])
                try:
                    yield from _get(done[0])
                except ray.exceptions.RayError as error:
                    if getattr(error, "actor_init_failed", False):
                        raise UserError(f"a node cannot start the work ({one_line(error)})") from error
                    yield from repeat(place, job)
                    self._look_around()
        finally:
            for actor in actors.values():
                ray.kill(actor)

    def _look_around(self) -> None:
        """Find the places and processors of all nodes that are there.

        Raises:
            UserError: there is none.
        """
        on_gpus: list[Place] = []
        on_cpus: list[Place] = []
        nodes = _nodes()
        for node in nodes:
            cpus, gpus = (int(node["Resources"].get(name, 0)) for name in ("CPU", "GPU"))
            on_gpus += [Place(node["NodeID"], "cuda:0", max(1, cpus // gpus), number) for number in range(gpus)]
            if cpus:
                on_cpus.append(Place(node["NodeID"], "cpu", cpus))
        # Never both: the last digits of a GPU and of a processor differ.
        places = {"cuda": on_gpus, "cpu": on_cpus, "auto": on_gpus or on_cpus}[self.wanted_device]
        if not places:
            what = "GPU" if self.wanted_device == "cuda" else "processor"
            raise UserError(f"--engine ray: no node of the cluster has a {what}; what is finished is safe")
        self.places, self.devices = places, [place.device for place in places]
        self.jobs = max(1, sum(int(node["Resources"].get("CPU", 0)) for node in nodes))


class _Actor(Generic[Item, Result]):
    """A process that has loaded a system."""

    def __init__(self, load: Callable[[str], Work[Item, Result]], device: str, folder: Path) -> None:
        self.load, self.device, self.folder = load, device, folder
        self.work: Work[Item, Result] | None = None

    def do(self, items: list[Item]) -> list[Result]:
        with _naming_this_node():
            _go_to(self.folder)
            self.work = self.work or self.load(self.device)
            return list(self.work(items))


def _actor(load: Callable[[str], Work[Item, Result]], place: Place) -> Any:
    """Start an actor at a place. It takes no processor from the tasks, as the process of a local run takes none."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    options = {
        "num_cpus": 0,
        "num_gpus": int(place.device != "cpu"),
        "scheduling_strategy": NodeAffinitySchedulingStrategy(place.node, soft=False),
        "runtime_env": {"env_vars": dict.fromkeys(SINGLE_THREADED, str(place.cpus))},
    }
    return ray.remote(_Actor).options(**options).remote(load, place.device, Path.cwd())


def _in_folder(folder: Path, function: Callable[..., Result], *task: Any) -> Result:
    """Do a task in the folder of the command, so that relative paths mean the same."""
    with _naming_this_node():
        _go_to(folder)
        return function(*task)


@contextmanager
def _naming_this_node() -> Iterator[None]:
    """Name this node in an error that a user can fix; a full disk is one, wherever it is noticed.

    Raises:
        UserError: there was such an error.
    """
    node = socket.gethostname()
    try:
        yield
    except UserError as error:
        raise UserError(f"on the node {node}: {error}") from error
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise UserError(f"on the node {node}: {explain_full_disk(error)}") from error


def _go_to(folder: Path) -> None:
    """Change to the folder of the command.

    Raises:
        UserError: this node does not have it.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(f"{folder}: not on this node ({error.strerror}); all nodes must see the same files") from error


def _get(reference: Any) -> Any:
    """Wait for a result; an error of our code is raised as it was raised there.

    Raises:
        UserError: a node has no room for the result.
    """
    import ray

    try:
        with _room_for_objects():
            return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from error
        raise


@contextmanager
def _room_for_objects() -> Iterator[None]:
    """Explain where there is no room for what goes from node to node: it is on the disk where it exceeds the memory.

    Raises:
        UserError: there is none.
    """
    import ray

    try:
        yield
    except ray.exceptions.OutOfDiskError as error:
        node = re.search(r"ip=([^,)]+)", str(error))
        raise UserError(
            f"on {f'the node {node[1]}' if node else 'this machine'}: the disk with Ray's temporary folder is full "
            "(over 95 %). What is finished is safe: free space or choose another folder (ray start --temp-dir), then "
            "run the same command again"
        ) from error


def _nodes() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _is_there(node: str) -> bool:
    """Whether a node is still there, after the time that the cluster needs to notice that it is not."""
    end = time.monotonic() + DEATH_SECONDS
    while time.monotonic() < end:
        if all(other["NodeID"] != node for other in _nodes()):
            return False
        time.sleep(0.5)
    return True


def _connect(address: str) -> None:
    """Join a cluster, or start one.

    Raises:
        UserError: no cluster answers at the address.
    """
    import ray

    at_termination = signal.getsignal(signal.SIGTERM)
    try:
        _check_reachable(address)
        ray.init(address or None, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"--address {address or 'auto'}: no Ray cluster answers ({one_line(error)})") from error
    # Ray would end the process by itself, without the message that this package prints at an interruption.
    signal.signal(signal.SIGTERM, at_termination)


def _check_reachable(address: str) -> None:
    """Check that something answers at an address `host:port`, which Ray itself tries for many minutes.

    Raises:
        OSError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECTION_SECONDS).close()


def _check_nodes(*, in_new_processes: bool = False) -> None:
    """Ask every node for its version of this package.

    Args:
        in_new_processes: whether each node has to start a process for it, although it has some that wait.

    Raises:
        UserError: one has another version or none, does not answer, or cannot start a process.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str:  # inside this function, so that it is sent as code and not as a name that the node must know
        from m2l_bench import __version__

        return __version__

    # A process that waits is never given to a task that has another environment.
    environment = {"env_vars": {"M2L_BENCH_QUESTION": uuid4().hex}} if in_new_processes else None
    answers = {
        ray.remote(version)
        .options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            runtime_env=environment,
        )
        .remote(): node
        for node in _nodes()
    }
    for answer, node in answers.items():
        host = node["NodeManagerHostname"]
        try:
            there = ray.get(answer, timeout=ANSWER_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise UserError(f"the node {host} does not answer within {ANSWER_SECONDS:.0f} s") from error
        except ray.exceptions.RayTaskError as error:
            raise UserError(f"the node {host} cannot import m2l-bench ({one_line(error.cause)})") from error
        except ray.exceptions.RayError as error:
            if _is_there(node["NodeID"]):
                folder = Path(node["RayletSocketName"]).parents[1]
                raise UserError(
                    f"the node {host} cannot start a process ({one_line(error)}): look whether its memory is full, or "
                    f"its disk with {folder}. What is finished is safe: free space, then run the same command again"
                ) from error
            continue  # it is lost, which the cluster had not noticed
        if there != __version__:
            raise UserError(f"the node {host} has m2l-bench {there}, this machine has {__version__}: install the same")
