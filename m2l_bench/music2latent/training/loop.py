"""The training loop: one process, or the same on each of many (Lightning Fabric).

A step is decided by its number alone (see `corpus`), so a run that was stopped goes on bit-exactly on one device, and
two processes see together what one would.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from m2l_bench.music2latent import checkpoint
from m2l_bench.music2latent.allocator import reuse_freed_memory
from m2l_bench.music2latent.autoencoder import Music2Latent
from m2l_bench.music2latent.checkpoint import Checkpoint
from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.clock import Clock
from m2l_bench.music2latent.training.corpus import Mixture
from m2l_bench.music2latent.training.ema import Average
from m2l_bench.music2latent.training.log import Log
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.prefetch import Ahead
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.schedules import current_step, learning_rate_factor
from m2l_bench.music2latent.training.signals import StopOnSignals
from m2l_bench.music2latent.training.state import State

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MOST_SKIPPED = 10
"""Steps in a row without a finite loss before training stops."""
LOG_EVERY = 50


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
    """0: not known yet."""
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
        TrainingError: out of memory, a batch that does not divide, no end in sight, no room for the last checkpoint,
            or too many steps without a finite loss.
    """
    run = _Run(start, mixture, settings, fabric)
    with reuse_freed_memory():
        run.loop()
    return run.state()


class _Run:
    def __init__(self, start: State, mixture: Mixture, settings: Settings, fabric: Fabric) -> None:
        self.config, self.recipe, self.seed = start.config, start.recipe, start.seed
        self.mixture = mixture
        self.settings = settings
        self.fabric = fabric
        self.iteration, self.iterations = start.iteration, start.iterations or self.recipe.iterations
        self.skipped = start.skipped
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
        for module in networks.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Average(networks, start.average_updates)
        self.average.module.load_state_dict(start.average)
        self.average.module.to(fabric.device)
        self.networks = networks.train()
        optimisers = make_optimisers(networks, self.recipe)
        self.scaler: Any = getattr(fabric._precision, "scaler", None)
        if self.scaler is not None and len(optimisers) > 1:
            raise TrainingError("16-mixed cannot scale the gradients of two optimisers: say bf16-mixed, or adam")
        objective = Objective(networks)
        if settings.compile:
            objective.compile()
        self.objective, *self.optimisers = fabric.setup(objective, *optimisers)
        for optimiser, content in zip(self.optimisers, start.optimisers, strict=bool(start.optimisers)):
            optimiser.load_state_dict(content)
        if start.scaler and self.scaler is not None:
            self.scaler.load_state_dict(start.scaler)
        self.clock = Clock(settings.minutes, start.seconds)
        self.saved = time.perf_counter()
        self.not_finite_in_a_row = 0
        self.losses: list[Tensor] = []
        self.last_loss = math.nan

    def loop(self) -> None:
        if self.fabric.is_global_zero:
            self.settings.out.mkdir(parents=True, exist_ok=True)
        stop = StopOnSignals(lambda: self.settings.on_message("ending after this step; the checkpoint follows"))
        log = Log(self.settings.out if self.fabric.is_global_zero else None)
        with Ahead(self._draw, self.iteration) as batches, log, stop:
            if self.iteration == 0:
                self._validate(log)  # what the untrained model does, to compare with
            while True:
                done = bool(self.iterations) and self.iteration >= self.iterations
                ended, due = self._on_any(stop.asked or self.clock.is_over or done, self._is_checkpoint_due())
                if ended:
                    break
                if due:
                    self._checkpoint(log)
                self._fix_iterations()
                self._step(batches.next(), log)
                self.clock.count_step()
                self.settings.on_status(Status(self.iteration, self.iterations, self.last_loss, self.clock.speed))
            self._checkpoint(log, last=True)
        self._say_pace()

    def _step(self, parts: list[Batch], log: Log) -> None:
        factor = learning_rate_factor(self.iteration, self.iterations, self.recipe)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
        step = current_step(self.iteration, self.iterations, self.recipe)
        loss, norm = self._backward(parts, step)
        # A gradient that overflowed in float16 is the scaler's business: it halves the scale and leaves the step out.
        finite = math.isfinite(loss) and (self.scaler is not None or math.isfinite(norm))
        if self._on_any(not finite)[0]:
            self._skip(parts)
        else:
            self.not_finite_in_a_row = 0
            for optimiser in self.optimisers:
                optimiser.step()
            self.average.update(self.networks, self.recipe)
            self.last_loss = loss
            self.losses.append(torch.tensor(loss))
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.iteration += 1
        if self.losses and (self.iteration % LOG_EVERY == 0 or self.iteration == 1):
            mean: Any = self.fabric.all_reduce(torch.stack(self.losses).mean().to(self.fabric.device), reduce_op="mean")
            self.losses = []
            figures = {"loss": float(mean), "gradient_norm": norm, "learning_rate_factor": factor, "step_size": step}
            log.write(self.iteration, figures, self.clock.seconds)

    def _backward(self, parts: list[Batch], step: float) -> tuple[float, float]:
        """Gradients of the mean loss over this process's crops; that loss, and the norm of the gradient."""
        losses = []
        try:
            for number, batch in enumerate(parts):
                inputs = prepare(batch, step, self.config, self.recipe, self.fabric.device)
                more = self.fabric.world_size > 1 and number + 1 < len(parts)
                with self.fabric.no_backward_sync(self.objective) if more else nullcontext():
                    loss = self.objective(*inputs).mean()
                    self.fabric.backward(loss / len(parts))
                losses.append(loss.detach())
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"out of memory with {self.part} crops at once: --accumulate {2 * self.settings.accumulate} halves them"
            ) from error
        gradients = [parameter.grad for parameter in self.networks.parameters() if parameter.grad is not None]
        norm = float(torch.stack(torch._foreach_norm(gradients)).norm())
        return float(torch.stack(losses).mean()), norm / (self.scaler.get_scale() if self.scaler is not None else 1)

    def _skip(self, parts: list[Batch]) -> None:
        """Leave a step out; too many in a row end the run, with the batch on disk."""
        self.skipped += 1
        self.not_finite_in_a_row += 1
        self.settings.on_message(f"iteration {self.iteration}: loss or gradient not finite, step left out")
        if self.not_finite_in_a_row >= MOST_SKIPPED:
            path = self.settings.out / f"not-finite-{self.iteration}-{self.fabric.global_rank}.npz"
            np.savez(
                path,
                audio=torch.cat([batch.audio for batch in parts]).numpy(),
                uniform=torch.cat([batch.uniform for batch in parts]).numpy(),
                noise_seeds=[seed for batch in parts for seed in batch.noise_seeds],
            )
            raise TrainingError(
                f"{MOST_SKIPPED} steps in a row without a finite loss; the last batch is in {path}. The checkpoint "
                "before them is whole: try a lower learning rate, or --precision 32-true"
            )

    def _fix_iterations(self) -> None:
        """Decide K once the speed is known, where the recipe leaves it to the time."""
        if self.iterations:
            return
        more = int(self.fabric.broadcast(self.clock.steps_that_fit()))
        if more:
            self.iterations = self.iteration + more
            self.settings.on_message(f"{self.iterations} iterations fit in {self.settings.minutes:g} minutes")

    def _draw(self, iteration: int) -> list[Batch]:
        """This process's share of an iteration's crops, in parts."""
        first = iteration * self.recipe.batch_size + self.fabric.global_rank * self.part * self.settings.accumulate
        return [
            Batch.of([self.mixture.crop(first + number * self.part + item) for item in range(self.part)])
            for number in range(self.settings.accumulate)
        ]

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
            seconds=self.clock.seconds,
            skipped=self.skipped,
            optimisers=[optimiser.state_dict() for optimiser in self.optimisers],
            scaler=self.scaler.state_dict() if self.scaler is not None else {},
        )

    def _is_checkpoint_due(self) -> bool:
        return time.perf_counter() - self.saved > 60 * self.settings.interval_minutes

    def _checkpoint(self, log: Log, last: bool = False) -> None:
        if self.fabric.is_global_zero:
            try:
                states.save(self.state(), self.settings.out)
                checkpoint.save(self.average.module, self.settings.out / "model")
            except OSError as error:
                if last:
                    raise TrainingError(f"{self.settings.out}: the checkpoint cannot be written ({error})") from error
                self.settings.on_message(
                    f"{self.settings.out}: cannot write the checkpoint ({error}); training goes on"
                )
            self._validate(log)
        self.fabric.barrier()
        self.saved = time.perf_counter()

    def _validate(self, log: Log) -> None:
        if self.settings.validate is None or not self.fabric.is_global_zero:
            return
        model = Music2Latent(Checkpoint(self.average.module, self.settings.out, ""), self.fabric.device)
        result = self.settings.validate(model)
        log.write(self.iteration, result.figures, self.clock.seconds)
        log.write_audio(self.iteration, result.examples, self.config.sample_rate)
        loss = [] if math.isnan(self.last_loss) else [f"loss {self.last_loss:.4g}"]
        said = [f"{name} {value:.2f}" for name, value in result.figures.items()]
        self.settings.on_message(f"iteration {self.iteration}: {', '.join(loss + said)}")

    def _say_pace(self) -> None:
        """What this session did, and how fast: what the next one can be planned by."""
        steps, batch = self.clock.steps, self.recipe.batch_size
        if self.clock.speed:
            self.settings.on_message(
                f"{steps} iterations of {batch} crops in {self.clock.elapsed / 60:.1f} minutes: "
                f"{self.clock.speed * batch:.4g} crops a second, checkpoints and held-out figures counted in"
            )

    def _on_any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each holds on any process, the same on all."""
        if self.fabric.world_size == 1:
            return flags
        raised = torch.tensor([float(flag) for flag in flags], device=self.fabric.device)
        return tuple(bool(flag) for flag in self.fabric.all_reduce(raised, reduce_op="sum"))
