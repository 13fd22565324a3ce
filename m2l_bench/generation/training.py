"""Training of one transformer on the latents of one system: AdamW, a moving average, a validation at fixed steps.

A step is decided by its number and the seed alone, so a training that was killed goes on from its checkpoint to the
same weights, bit by bit on a processor with the same number of threads.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from m2l_bench.errors import UserError
from m2l_bench.generation.card import GeneratorCard
from m2l_bench.generation.checkpoint import load, save
from m2l_bench.generation.crops import Music, Scale
from m2l_bench.generation.flow import draw_times, flow_loss
from m2l_bench.generation.network import Transformer
from m2l_bench.runs.files import explain_write_errors, write_atomically

version = "1"
"""Version of the numbers of a training. Raise it when equal cards and data begin to give other weights."""
LOG = "log.jsonl"
CHECKPOINT_SECONDS = 60
"""Seconds of training after which a checkpoint is written between validations."""
TRAINING, VALIDATION = 1, 2
"""Second of the numbers that seed the crops, the noise and the times of a purpose."""
VALIDATION_TIMES = 4
"""Times at which the loss of each crop of the validation is measured."""


class Trained(NamedTuple):
    """A transformer after its training."""

    network: Transformer
    """The one with averaged weights."""
    parameters: int
    validation_loss: float
    seconds: float
    """Seconds of training, without validation."""


class Validation:
    """The loss on held-out crops, with noise and times that are the same at every step and for every seed."""

    def __init__(self, held_out: Music, scale: Scale, card: GeneratorCard, device: str) -> None:
        latents = scale.normalise(held_out.read(held_out.spread(card.validation_crops)))
        generator = torch.Generator().manual_seed(VALIDATION)
        self.batches = []
        for data in torch.split(latents, card.crops):
            for _ in range(VALIDATION_TIMES):
                noise = torch.randn(data.shape, generator=generator)
                batch = data, noise, draw_times(len(data), card.times, generator)
                self.batches.append(tuple(part.to(device) for part in batch))

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> float:
        """Compute the mean loss."""
        losses = [float(flow_loss(network, *batch)) * len(batch[0]) for batch in self.batches]
        return sum(losses) / sum(len(batch[0]) for batch in self.batches)


class Training:
    """A training in a folder, which begins or goes on.

    Args:
        folder: folder of the checkpoint and the log, which exists and is used by this process alone.
        music: latents to train on.
        held_out: latents of other music, of the same system.
        steps: steps to do in all.
        device: a torch device.

    Raises:
        UserError: the checkpoint is damaged, or something cannot be written.
    """

    def __init__(
        self, folder: Path, music: Music, held_out: Music, card: GeneratorCard, steps: int, seed: int, device: str
    ) -> None:
        self.folder, self.music, self.card, self.steps = folder, music, card, steps
        self.seed, self.device = seed, device
        self.scale = Scale(music)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = Transformer(music.collection.width, card)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False).to(device)
        self.network.to(device)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), card.learning_rate, betas=(0.9, 0.99), weight_decay=card.weight_decay
        )
        self.place = load(folder, self.network, self.average, self.optimiser)
        self._validation = partial(Validation, held_out, self.scale, card, device)
        self._shorten_log()

    def run(self, advance: Callable[[], None] = lambda: None) -> Trained:
        """Do the steps that are left.

        Args:
            advance: called after each step.

        Raises:
            UserError: a loss is not finite, or something cannot be written.
        """
        place = self.place
        every = math.ceil(self.steps / self.card.validations)
        validate = self._validation() if place.step < self.steps else None
        started = saved = time.monotonic()
        while place.step < self.steps:
            place.losses.append(self._step(place.step))
            place.step += 1
            now = time.monotonic()
            if validate and (place.step % every == 0 or place.step == self.steps):
                place.seconds += now - started
                place.validation_loss = validate(self.average)
                self._log()
                save(self.folder, place, self.network, self.average, self.optimiser)
                started = saved = time.monotonic()
            elif now - saved > CHECKPOINT_SECONDS:
                place.seconds += now - started
                save(self.folder, place, self.network, self.average, self.optimiser)
                started = saved = time.monotonic()
            advance()
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        loss = math.nan if place.validation_loss is None else place.validation_loss
        return Trained(self.average, parameters, loss, place.seconds)

    def _step(self, step: int) -> float:
        """Move the weights by one step, and return the loss."""
        card = self.card
        data, noise, times = self._batch(step)
        for group in self.optimiser.param_groups:
            group["lr"] = card.learning_rate * min(1.0, (step + 1) / max(card.warm_up, 1))
        loss = flow_loss(self.network, data, noise, times)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), card.gradient_norm)
        value = float(loss.detach())
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            raise UserError(f"{self.folder}: the loss of step {step} is not finite; lower learning_rate in the card")
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        decay = min(card.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, parameter in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(parameter, 1 - decay)
        return value

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Make latents and noise (crops, width, frames), and times (crops,)."""
        crops = self.music.draw(self.card.crops, self.seed, TRAINING, step)
        data = self.scale.normalise(self.music.read(crops))
        generator = torch.Generator().manual_seed((self.seed << 32) + step)
        noise = torch.randn(data.shape, generator=generator)
        times = draw_times(len(data), self.card.times, generator)
        return data.to(self.device), noise.to(self.device), times.to(self.device)

    def _log(self) -> None:
        """Write a row of the log, with the mean loss since the row before."""
        place = self.place
        row = {
            "step": place.step,
            "seconds": round(place.seconds, 2),
            "loss": sum(place.losses) / len(place.losses),
            "validation_loss": place.validation_loss,
        }
        place.losses = []
        with explain_write_errors(self.folder), (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _shorten_log(self) -> None:
        """Remove rows of steps that a killed process did after its last checkpoint; they are done again."""
        path = self.folder / LOG
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        rows: list[tuple[str, Any]] = [(line, json.loads(line)) for line in lines if line.endswith("\n")]
        kept = "".join(line for line, row in rows if row["step"] <= self.place.step)
        with explain_write_errors(self.folder):
            write_atomically(path, kept.encode())
