"""The training loop: one process, or the same on each of many (Lightning Fabric).

A step is decided by its number alone (see `corpus`), so a run that was stopped goes on bit-exactly on one device, and
two processes see together what one would.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from m2l_bench.music2latent import checkpoint
from m2l_bench.music2latent.autoencoder import Music2Latent
from m2l_bench.music2latent.checkpoint import Checkpoint
from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.corpus import Mixture
from m2l_bench.music2latent.training.ema import Average
from m2l_bench.music2latent.training.log import Log
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.prefetch import Ahead
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.schedules import current_step, learning_rate_factor
from m2l_bench.music2latent.training.state import State

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MOST_SKIPPED = 10
"""Steps in a row without a finite loss before training stops."""
LOG_EVERY = 50
CALIBRATION = 0.05
"""Share of the time after which the number of iterations that fit is fixed."""
FIRST_STEPS = 5
"""Not counted in the measured speed: compilation, allocation."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Validation:
    """What is measured on held-out music."""

    figures: dict[str, float]
    examples: dict[str, np.ndarray] = field(default_factory=dict)
    """Name -> samples of one channel, to listen to."""


@dataclass(frozen=True)
class Status:
    """Told after each step."""

    iteration: int
    iterations: int
    seconds: float
    loss: float
    steps_per_second: float


@dataclass(frozen=True)
class Settings:
    """What does not change the model that comes out, but for the precision's rounding."""

    out: Path
    minutes: float | None = None
    """Stop cleanly after so many, this session."""
    interval_minutes: float = 10.0
    """Between checkpoints, each with a validation."""
    accumulate: int = 1
    """Split each step's crops into so many passes: less memory, the same result but for rounding."""
    compile: bool = False
    validate: Callable[[Music2Latent], Validation] | None = None
    on_status: Callable[[Status], None] = lambda status: None
    on_message: Callable[[str], None] = lambda message: None


def initial_state(config: Config, recipe: Recipe, seed: int) -> State:
    """A new run: weights drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = Networks(config).state_dict()
    return State(config, recipe, seed, weights, {name: tensor.clone() for name, tensor in weights.items()})


def train(start: State, mixture: Mixture, settings: Settings, fabric: Fabric) -> State:
    """Train until the recipe's iterations are done, the time is up, or SIGTERM or SIGINT asks for an end.

    Raises:
        TrainingError: out of memory, a batch that does not divide, no end in sight, or too many steps without a
            finite loss.
    """
    run = _Run(start, mixture, settings, fabric)
    with run.stopping_on_signals():
        run.loop()
    return run.state()


class _Run:
    def __init__(self, start: State, mixture: Mixture, settings: Settings, fabric: Fabric) -> None:
        self.config, self.recipe, self.seed = start.config, start.recipe, start.seed
        self.mixture = mixture
        self.settings = settings
        self.fabric = fabric
        self.iteration, self.iterations = start.iteration, start.iterations or self.recipe.iterations
        self.seconds_before, self.skipped = start.seconds, start.skipped
        parts = fabric.world_size * settings.accumulate
        if self.recipe.batch_size % parts:
            raise TrainingError(
                f"a batch of {self.recipe.batch_size} cannot be split into {parts} parts "
                f"({fabric.world_size} processes, {settings.accumulate} passes each)"
            )
        if not self.iterations and settings.minutes is None:
            raise TrainingError("this recipe trains as long as there is time: say --max-minutes or --iterations")
        self.part = self.recipe.batch_size // parts
        networks = Networks(self.config)
        networks.load_state_dict(start.weights)
        networks.to(memory_format=torch.channels_last)
        self.average = Average(networks, start.average_updates)
        self.average.module.load_state_dict(start.average)
        self.average.module.to(fabric.device)
        self.networks = networks.train()
        optimisers = make_optimisers(networks, self.recipe)
        objective = Objective(networks)
        if settings.compile:
            objective.compile()
        self.objective, *self.optimisers = fabric.setup(objective, *optimisers)
        for optimiser, content in zip(self.optimisers, start.optimisers, strict=bool(start.optimisers)):
            optimiser.load_state_dict(content)
        if start.scaler:
            self._scaler().load_state_dict(start.scaler)
        self.stop = False
        self.began = time.perf_counter()
        self.saved = self.began
        self.in_a_row = 0
        self.clock: tuple[int, float] | None = None
        self.losses: list[Tensor] = []

    # The loop

    def loop(self) -> None:
        if self.fabric.is_global_zero:
            self.settings.out.mkdir(parents=True, exist_ok=True)
        with Ahead(self._draw, self.iteration) as batches, self._log() as log:
            while True:
                ended, due = self._agreed(self._is_over(), self._is_checkpoint_due())
                if ended:
                    break
                if due:
                    self._checkpoint(log)
                self._fix_iterations()
                if self.clock is None and self.iteration >= FIRST_STEPS:
                    self.clock = (self.iteration, time.perf_counter())
                self._step(batches.next(), log)
                self._tell()
            self._checkpoint(log, last=True)

    def _is_over(self) -> bool:
        late = self.settings.minutes is not None and self._elapsed() > 60 * self.settings.minutes
        return self.stop or late or bool(self.iterations and self.iteration >= self.iterations)

    def _is_checkpoint_due(self) -> bool:
        return time.perf_counter() - self.saved > 60 * self.settings.interval_minutes

    def _step(self, parts: list[Batch], log: Log) -> None:
        factor = learning_rate_factor(self.iteration, self.iterations, self.recipe)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
        step = current_step(self.iteration, self.iterations, self.recipe)
        losses = []
        try:
            for number, batch in enumerate(parts):
                inputs = prepare(batch, step, self.config, self.recipe, self.fabric.device)
                last = number + 1 == len(parts)
                with self.fabric.no_backward_sync(self.objective, enabled=not last):
                    loss = self.objective(*inputs).mean()
                    self.fabric.backward(loss / len(parts))
                losses.append(loss.detach())
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"out of memory with {self.part} crops at once: --accumulate {2 * self.settings.accumulate} halves them"
            ) from error
        loss = torch.stack(losses).mean()
        norm = _gradient_norm(self.networks)
        finite = math.isfinite(float(loss)) and (self._has_scaler() or math.isfinite(float(norm)))
        if self._agreed(not finite)[0]:
            self._skip(parts)
        else:
            self.in_a_row = 0
            for optimiser in self.optimisers:
                optimiser.step()
            self.average.update(self.networks, self.recipe)
            self.losses.append(loss)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.iteration += 1
        if self.losses and (self.iteration % LOG_EVERY == 0 or self.iteration == 1):
            mean = float(self.fabric.all_reduce(torch.stack(self.losses).mean(), reduce_op="mean"))
            self.losses = []
            log.write(
                self.iteration,
                {"loss": mean, "gradient_norm": float(norm), "learning_rate_factor": factor, "step_size": step},
                self._seconds(),
            )
            self.last_loss = mean

    last_loss = math.nan

    def _skip(self, parts: list[Batch]) -> None:
        """Leave a step out; too many in a row end the run, with the batch on disk."""
        self.skipped += 1
        self.in_a_row += 1
        self.settings.on_message(f"iteration {self.iteration}: loss or gradient not finite, step left out")
        if self.in_a_row >= MOST_SKIPPED:
            path = self.settings.out / f"not-finite-{self.iteration}-{self.fabric.global_rank}.npz"
            audio = torch.cat([batch.audio for batch in parts]).numpy()
            uniform = torch.cat([batch.uniform for batch in parts]).numpy()
            np.savez(path, audio=audio, uniform=uniform, noise_seeds=[seed for part in parts for seed in part.noise_seeds])
            raise TrainingError(
                f"{MOST_SKIPPED} steps in a row without a finite loss; the last batch is in {path}. The checkpoint "
                "before them is whole: try a lower learning rate, or --precision 32-true"
            )

    # Time

    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    def _seconds(self) -> float:
        return self.seconds_before + self._elapsed()

    def _speed(self) -> float:
        """Steps a second, 0 until it is known."""
        if self.clock is None or self.iteration <= self.clock[0]:
            return 0.0
        return (self.iteration - self.clock[0]) / (time.perf_counter() - self.clock[1])

    def _fix_iterations(self) -> None:
        """Decide K once the speed is known, where the recipe leaves it to the time."""
        if self.iterations or self.settings.minutes is None:
            return
        budget = 60 * self.settings.minutes
        fixed = 0
        if self._speed() and self._elapsed() > CALIBRATION * budget:
            fixed = self.iteration + max(1, math.floor(0.95 * (budget - self._elapsed()) * self._speed()))
        self.iterations = int(self.fabric.broadcast(fixed))
        if self.iterations:
            self.settings.on_message(f"{self.iterations} iterations fit in {self.settings.minutes:g} minutes")

    def _tell(self) -> None:
        loss = float(self.losses[-1]) if self.losses else self.last_loss
        self.settings.on_status(Status(self.iteration, self.iterations, self._seconds(), loss, self._speed()))

    # Data

    def _draw(self, iteration: int) -> list[Batch]:
        """This process's share of an iteration's crops, in parts."""
        first = iteration * self.recipe.batch_size + self.fabric.global_rank * self.part * self.settings.accumulate
        return [
            Batch.of([self.mixture.crop(first + number * self.part + item) for item in range(self.part)])
            for number in range(self.settings.accumulate)
        ]

    # Keeping

    def state(self) -> State:
        return State(
            config=self.config,
            recipe=self.recipe,
            seed=self.seed,
            weights=self.networks.state_dict(),
            average=self.average.module.state_dict(),
            iteration=self.iteration,
            iterations=self.iterations,
            average_updates=self.average.updates,
            seconds=self._seconds(),
            skipped=self.skipped,
            optimisers=[optimiser.state_dict() for optimiser in self.optimisers],
            scaler=self._scaler().state_dict() if self._has_scaler() else {},
        )

    def _checkpoint(self, log: Log, last: bool = False) -> None:
        if self.fabric.is_global_zero:
            try:
                states.save(self.state(), self.settings.out)
                checkpoint.save(self.average.module, self.settings.out / "model")
            except OSError as error:
                if last:
                    raise TrainingError(f"{self.settings.out}: the checkpoint cannot be written ({error})") from error
                self.settings.on_message(f"{self.settings.out}: cannot write the checkpoint ({error}); training goes on")
            self._validate(log)
        self.fabric.barrier()
        self.saved = time.perf_counter()

    def _validate(self, log: Log) -> None:
        if self.settings.validate is None:
            return
        model = Music2Latent(Checkpoint(self.average.module, self.settings.out, ""), self.fabric.device)
        result = self.settings.validate(model)
        log.write(self.iteration, result.figures, self._seconds())
        log.write_audio(self.iteration, result.examples, self.config.sample_rate)

    def _log(self) -> Log:
        return Log(self.settings.out if self.fabric.is_global_zero else None)

    # Processes

    def _agreed(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each holds on any process, the same on all."""
        if self.fabric.world_size == 1:
            return flags
        raised = torch.tensor([float(flag) for flag in flags], device=self.fabric.device)
        return tuple(bool(flag) for flag in self.fabric.all_reduce(raised, reduce_op="sum"))

    def _has_scaler(self) -> bool:
        return self._scaler() is not None

    def _scaler(self) -> Any:
        return getattr(self.fabric._precision, "scaler", None)

    @contextlib.contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """The first SIGTERM or SIGINT ends the run after this step, a second one at once."""

        def ask(signum: int, frame: Any) -> None:
            if self.stop:
                raise KeyboardInterrupt
            self.stop = True
            self.settings.on_message("ending after this step; the checkpoint follows")

        before = {signum: signal.signal(signum, ask) for signum in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _gradient_norm(networks: Networks) -> Tensor:
    gradients = [parameter.grad for parameter in networks.parameters() if parameter.grad is not None]
    return torch.stack(torch._foreach_norm(gradients)).norm()
