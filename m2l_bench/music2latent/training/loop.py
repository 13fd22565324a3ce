"""The training loop: one process, or the same on each of many (Lightning Fabric).

A step is decided by its number alone (see `corpus`), so a run that was stopped goes on bit-exactly on one device, and
two processes see together what one would.

A step whose loss or gradient is not finite is left out. On a CPU each step waits for its loss before it moves weights.
A GPU would be idle meanwhile, so there steps follow each other, and every `CHECK_EVERY` of them the device is asked
whether all were finite; if not, the run goes back to the last check and repeats these steps one by one.
"""

from __future__ import annotations

import copy
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
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
from m2l_bench.music2latent.private_apis import gradient_scaler, total_norm
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.clock import Clock
from m2l_bench.music2latent.training.compilation import compile_blocks
from m2l_bench.music2latent.training.corpus import Mixture
from m2l_bench.music2latent.training.ema import Average
from m2l_bench.music2latent.training.log import Log
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.prefetch import Prefetcher, Share
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.schedules import Schedule
from m2l_bench.music2latent.training.settings import Settings, Status, Validation
from m2l_bench.music2latent.training.signals import StopOnSignals
from m2l_bench.music2latent.training.state import State

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MOST_SKIPPED = 10
"""Steps in a row without a finite loss after which training stops."""
CHECK_EVERY = 50
"""Iterations from one row of the log to the next, and from one check of a GPU's steps to the next."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


def initial_state(config: Config, recipe: Recipe, seed: int) -> State:
    """Return the state of a new run: weights drawn from the seed."""
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
    try:
        run = _Run(start, mixture, settings, fabric)
        with reuse_freed_memory():
            run.loop()
    except torch.OutOfMemoryError as error:
        crops = start.recipe.batch_size // (fabric.world_size * settings.accumulate)
        lower = "use a smaller --preset, or --precision bf16-mixed"
        if crops % 2 == 0:
            lower = f"--accumulate {2 * settings.accumulate} halves them"
        raise TrainingError(f"out of memory with {crops} crops at once: {lower}") from error
    return run.state()


def waits_for_each_step(device: torch.device) -> bool:
    """Tell whether the loop reads each loss before it moves the weights, which costs nothing on a CPU."""
    return device.type == "cpu"


class _Run:
    def __init__(self, start: State, mixture: Mixture, settings: Settings, fabric: Fabric) -> None:
        self.config, self.recipe, self.seed = start.config, start.recipe, start.seed
        self.settings = settings
        self.fabric = fabric
        self.iteration, self.skipped = start.iteration, start.skipped
        self.schedule = start.schedule if start.iterations else Schedule.known(self.recipe.iterations, self.recipe)
        self.times_its_end = not self.schedule.iterations
        """Whether this session finds K, and corrects it as its speed changes."""
        parts = fabric.world_size * settings.accumulate
        if self.recipe.batch_size % parts:
            raise TrainingError(
                f"a batch of {self.recipe.batch_size} cannot be split into {parts} parts "
                f"({fabric.world_size} processes, {settings.accumulate} passes each)"
            )
        if self.times_its_end and settings.minutes is None:
            raise TrainingError("this recipe trains as long as there is time: pass --max-minutes or --iterations")
        crops = self.recipe.batch_size // parts
        self.share = Share(mixture, fabric.global_rank, fabric.world_size, settings.accumulate, crops, fabric.device)
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
        self.scaler = gradient_scaler(fabric)
        if self.scaler is not None and len(optimisers) > 1:
            raise TrainingError(
                "16-mixed cannot scale the gradients of two optimisers: use --precision bf16-mixed or --optimiser adam"
            )
        if settings.compile:
            compile_blocks(networks)
        self.objective, *self.optimisers = fabric.setup(Objective(networks), *optimisers)
        for optimiser, content in zip(self.optimisers, start.optimisers, strict=bool(start.optimisers)):
            optimiser.load_state_dict(content)
        if start.scaler and self.scaler is not None:
            self.scaler.load_state_dict(start.scaler)
        self.clock = Clock(settings.minutes, start.seconds)
        self.saved = time.perf_counter()
        self.not_finite_in_a_row = 0
        self.losses = [torch.tensor(loss, device=fabric.device) for loss in start.losses]
        self.figures: dict[str, Any] = {}
        """Figures of the latest step."""
        self.last_loss = math.nan
        self.waits = waits_for_each_step(fabric.device) or self.scaler is not None
        self.wait_until = self.iteration
        """Iteration up to which steps are waited for although `waits` is false."""
        self.finite = torch.ones((), dtype=torch.bool, device=fabric.device)
        """Whether all steps since `checked` were finite; on the device."""
        self.checked = None if self.waits else copy.deepcopy(self.state())
        self.checked_losses = list(self.losses)

    def loop(self) -> None:
        if self.fabric.is_global_zero:
            self.settings.out.mkdir(parents=True, exist_ok=True)
        stop = StopOnSignals(lambda: self.settings.on_message("ending after this step; the checkpoint follows"))
        facts = {"model": asdict(self.config), "recipe": asdict(self.recipe), "seed": self.seed}
        out = self.settings.out if self.fabric.is_global_zero else None
        log = Log(out, self.iteration, self.settings.wandb, facts)
        with Prefetcher(self.share.draw, self.iteration) as batches, log, stop:
            with self.clock.pause():
                self._validate(log)  # of what it begins with, such as an untrained model, to compare with
            while True:
                ended, due = self._is_ended_or_due(stop)
                row_due = self.iteration % CHECK_EVERY == 0 or self.iteration == 1
                if (ended or due or row_due) and not self._all_finite():
                    self._go_back(batches)
                    continue
                if row_due:
                    self._write_figures(log)
                if ended:
                    break
                if due:
                    self._checkpoint(log)
                self._decide_iterations()
                self._step(batches.next())
                self.clock.count_step()
                self.settings.on_status(
                    Status(self.iteration, self.schedule.iterations, self.last_loss, self.clock.speed)
                )
            self._checkpoint(log, last=True)
        self._report_pace()

    def _is_ended_or_due(self, stop: StopOnSignals) -> tuple[bool, bool]:
        """Tell whether the run ends here and whether a checkpoint is due; the same on all processes."""
        done = bool(self.schedule.iterations) and self.iteration >= self.schedule.iterations
        if not self.waits and self.fabric.world_size > 1 and self.iteration % CHECK_EVERY:
            return done, False  # asking the other processes would wait for them
        ended, due = self._on_any(stop.asked or self.clock.is_over, self._is_checkpoint_due())
        return done or ended, due

    def _step(self, parts: list[Batch]) -> None:
        factor = self.schedule.learning_rate_factor(self.iteration, self.recipe)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
        step = self.schedule.step(self.iteration, self.recipe)
        loss, norm = self._backward(parts, step)
        if self.waits or self.iteration < self.wait_until:
            # A gradient that overflowed in float16 is left to the scaler: it halves the scale and leaves the step out.
            finite = math.isfinite(loss) and (self.scaler is not None or math.isfinite(norm))
            if self._on_any(not finite)[0]:
                self._skip(parts)
            else:
                self.not_finite_in_a_row = 0
                self.last_loss = float(loss)
                self._move(loss)
        else:
            self.finite &= torch.isfinite(loss) & torch.isfinite(norm)
            self._move(loss)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.iteration += 1
        self.figures = {"gradient_norm": norm, "learning_rate_factor": factor, "step_size": step}

    def _write_figures(self, log: Log) -> None:
        """Write a row of the log: the mean loss since the previous row, and figures of the latest step."""
        if not self.losses:
            return
        self.last_loss = float(self.losses[-1])
        mean = float(self._shared_losses().mean())
        self.losses, self.checked_losses = [], []
        figures = {name: float(value) for name, value in self.figures.items()}
        log.write(self.iteration, {"loss": mean, **figures}, self.clock.seconds)

    def _shared_losses(self) -> Tensor:
        """Losses since the previous row of the log, averaged over all processes."""
        if not self.losses:
            return torch.zeros(0)
        mean: Any = self.fabric.all_reduce(torch.stack(self.losses), reduce_op="mean")
        return torch.as_tensor(mean)

    def _move(self, loss: Tensor) -> None:
        """Move weights and average along the gradients."""
        for optimiser in self.optimisers:
            optimiser.step()
        self.average.update(self.networks, self.recipe)
        self.losses.append(loss)

    def _all_finite(self) -> bool:
        """Tell whether all steps since the last check were finite on all processes; if so, the run keeps them."""
        if self.checked is None:
            return True
        if self._on_any(not bool(self.finite))[0]:
            return False
        self.checked, self.checked_losses = copy.deepcopy(self.state()), list(self.losses)
        return True

    def _go_back(self, batches: Prefetcher) -> None:
        """Return to the last check, to repeat the steps since one by one."""
        assert self.checked is not None
        self.wait_until = self.iteration
        checked = copy.deepcopy(self.checked)
        self.networks.load_state_dict(checked.weights)
        self.average.module.load_state_dict(checked.average)
        for optimiser, content in zip(self.optimisers, checked.optimisers, strict=True):
            optimiser.load_state_dict(content)
        self.average.updates, self.skipped = checked.average_updates, checked.skipped
        self.iteration, self.schedule = checked.iteration, checked.schedule
        self.losses = list(self.checked_losses)
        self.finite.fill_(True)
        batches.restart(self.iteration)

    def _backward(self, parts: list[Batch], step: float) -> tuple[Tensor, Tensor]:
        """Compute gradients of the mean loss over this process's crops; return the loss and the gradient's norm."""
        losses = []
        for number, batch in enumerate(parts):
            inputs = prepare(batch, step, self.config, self.recipe, self.fabric.device)
            more = self.fabric.world_size > 1 and number + 1 < len(parts)
            with self.fabric.no_backward_sync(self.objective) if more else nullcontext():
                loss = self.objective(*inputs).mean()
                self.fabric.backward(loss / len(parts))
            losses.append(loss.detach())
        norm = total_norm([parameter.grad for parameter in self.networks.parameters() if parameter.grad is not None])
        return torch.stack(losses).mean(), norm / (self.scaler.get_scale() if self.scaler is not None else 1)

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

    def _decide_iterations(self) -> None:
        """Find K once the speed is known, if the recipe leaves it to the time; correct it twenty times."""
        known = self.schedule.iterations
        if not self.times_its_end or (known and 20 * (self.iteration - self.schedule.decided_at) < known):
            return
        more = int(self.fabric.broadcast(self.clock.steps_that_fit(60 * self.settings.interval_minutes)))
        if more:
            self.schedule = self.schedule.decide(self.iteration, self.iteration + more, self.recipe)
            if not known:
                self.settings.on_message(f"{self.iteration + more} iterations fit in {self.settings.minutes:g} min")

    def state(self) -> State:
        return State(
            config=self.config,
            recipe=self.recipe,
            seed=self.seed,
            weights=self.networks.state_dict(),
            average=self.average.module.state_dict(),
            iteration=self.iteration,
            schedule=self.schedule,
            average_updates=self.average.updates,
            seconds=self.clock.seconds,
            skipped=self.skipped,
            optimisers=[optimiser.state_dict() for optimiser in self.optimisers],
            scaler=self.scaler.state_dict() if self.scaler is not None else {},
        )

    def _is_checkpoint_due(self) -> bool:
        return time.perf_counter() - self.saved > 60 * self.settings.interval_minutes

    def _checkpoint(self, log: Log, last: bool = False) -> None:
        with self.clock.pause():
            self._save_and_validate(log, last)
        self.saved = time.perf_counter()

    def _save_and_validate(self, log: Log, last: bool) -> None:
        losses = self._shared_losses().tolist()
        if self.fabric.is_global_zero:
            try:
                states.save(replace(self.state(), losses=losses), self.settings.out)
                checkpoint.save(self.average.module, self.settings.out / checkpoint.RUN_MODEL)
            except OSError as error:
                if last:
                    raise TrainingError(f"{self.settings.out}: the checkpoint cannot be written ({error})") from error
                self.settings.on_message(
                    f"{self.settings.out}: cannot write the checkpoint ({error}); training goes on"
                )
            self._validate(log)
        self.fabric.barrier()

    def _validate(self, log: Log) -> None:
        if self.settings.validate is None or not self.fabric.is_global_zero or log.validated == self.iteration:
            return
        model = Music2Latent(Checkpoint(self.average.module, self.settings.out, ""), self.fabric.device)
        result: Validation = self.settings.validate(model)
        log.write(self.iteration, result.figures, self.clock.seconds)
        log.write_audio(self.iteration, result.examples, self.config.sample_rate)
        loss = [] if math.isnan(self.last_loss) else [f"loss {self.last_loss:.4g}"]
        figures = [f"{name} {value:.2f}" for name, value in result.figures.items()]
        self.settings.on_message(f"iteration {self.iteration}: {', '.join(loss + figures)}")

    def _report_pace(self) -> None:
        """Report what this session did and how fast, to plan the next one by."""
        steps, batch = self.clock.steps, self.recipe.batch_size
        if self.clock.speed:
            self.settings.on_message(
                f"{steps} iterations of {batch} crops in {self.clock.elapsed / 60:.1f} minutes: "
                f"{self.clock.speed * batch:.4g} crops per second, without checkpoints and held-out figures"
            )

    def _on_any(self, *flags: bool) -> tuple[bool, ...]:
        """Tell whether each flag holds on any process; the same on all of them."""
        if self.fabric.world_size == 1:
            return flags
        raised = torch.tensor([float(flag) for flag in flags], device=self.fabric.device)
        return tuple(bool(flag) for flag in self.fabric.all_reduce(raised, reduce_op="sum"))
