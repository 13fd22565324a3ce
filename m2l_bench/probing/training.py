"""Training of a probe as mir_ref does it with Keras: Adam, early stopping on the validation loss, best epoch kept.

As in Keras, the penalty is part of the loss and of the validation loss; a seed stops after `patience` epochs without a
lower validation loss; and the weights that are kept are those of the first epoch with the best validation score. Unlike
mir_ref, the last, incomplete batch of an epoch is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2l_bench.cards import ProbeSettings
from m2l_bench.errors import UserError
from m2l_bench.probing.mlp import SeedStack
from m2l_bench.probing.targets import Part
from m2l_bench.runs.schema import SeedHistory

BETAS = (0.9, 0.999)
EPSILON = 1e-7
"""Epsilon of Keras' Adam, which adds it to the root of the squares before their bias is corrected."""
BATCH_SEED = 0
"""Random seed of the order of training clips, the same for all seeds of the probe."""

FEW_WEIGHTS = 1_000_000
"""Number of weights in the first layers of all seeds below which one thread is faster than several."""

Scores = NDArray[np.float32]
Score = Callable[[Scores], float]
"""Validation score of a seed, from probabilities (items, classes): higher is better, NaN if it is undefined."""


@dataclass
class History:
    """Training curves of one seed, by epoch."""

    loss: list[float] = field(default_factory=list)
    """Mean loss of the training batches, without penalty."""
    validation_loss: list[float] = field(default_factory=list)
    """Validation loss, with penalty."""
    validation_score: list[float] = field(default_factory=list)
    best_epoch: int = 0
    """Number of the best epoch, from 1; 0: there is none yet."""

    @property
    def epochs(self) -> int:
        return len(self.validation_loss)

    def waited(self) -> int:
        """Number of epochs since the lowest validation loss."""
        lowest, at = math.inf, 0
        for epoch, loss in enumerate(self.validation_loss, start=1):
            if loss < lowest:
                lowest, at = loss, epoch
        return self.epochs - at

    def note(self, loss: float, validation_loss: float, score: float) -> bool:
        """Add an epoch, and return whether its score is the best so far."""
        best = self.validation_score[self.best_epoch - 1] if self.best_epoch else -math.inf
        self.loss.append(loss)
        self.validation_loss.append(validation_loss)
        self.validation_score.append(score)
        if score > best:
            self.best_epoch = self.epochs
            return True
        return False

    @property
    def stored(self) -> SeedHistory:
        """The form in which a probe's results store the curves."""
        return SeedHistory(
            epochs=self.epochs,
            best_epoch=self.best_epoch,
            loss=_rounded(self.loss),
            validation_loss=_rounded(self.validation_loss),
            validation_score=_rounded(self.validation_score),
        )


@dataclass
class Fitted:
    """Networks with the weights of each seed's best epoch."""

    network: SeedStack
    histories: list[History]
    batch_size: int
    device: str

    def scores(self, part: Part) -> Scores:
        """Compute probabilities (seeds, items, classes)."""
        batches = [self.network.probabilities(x.to(self.device)).cpu() for x, _ in part.batches(self.batch_size)]
        scores: Scores = torch.cat(batches, dim=1).numpy()
        return scores


def fit(
    train: Part,
    validation: Part,
    settings: ProbeSettings,
    seeds: list[int],
    score: Score,
    *,
    device: str = "cpu",
    on_epoch: Callable[[], None] = lambda: None,
) -> Fitted:
    """Train a network for each seed. The result depends on its arguments alone.

    Args:
        seeds: random seeds of the initial weights.
        score: validation score that decides which epoch is kept.
        on_epoch: called after each epoch.

    Raises:
        UserError: a seed has no finite validation score in any epoch.
    """
    widths = [train.features.shape[1], *settings.hidden, train.classes]
    network = SeedStack(widths, seeds, train.multilabel, device)
    with _fitting_threads(network):
        histories = _fit(network, train, validation, settings, score, device, on_epoch)
    return Fitted(network, histories, settings.batch_size, device)


def _fit(
    network: SeedStack,
    train: Part,
    validation: Part,
    settings: ProbeSettings,
    score: Score,
    device: str,
    on_epoch: Callable[[], None],
) -> list[History]:
    """Train the network in place; afterwards it has the weights of each seed's best epoch."""
    count = network.seeds
    best = [parameter.detach().clone() for parameter in network.parameters]
    adam = KerasAdam(network, settings)
    histories = [History() for _ in range(count)]
    running = list(range(count))
    order = torch.Generator().manual_seed(BATCH_SEED)
    for _ in range(settings.epochs):
        losses = _epoch(network, adam, train, torch.randperm(len(train), generator=order), settings.batch_size, device)
        validation_losses, scores = _validate(network, validation, settings, device)
        for i, seed in enumerate(running):
            value = score(scores[i]) if np.isfinite(scores[i]).all() else math.nan
            if histories[seed].note(float(losses[i]), float(validation_losses[i]), value):
                for index, parameter in enumerate(network.parameters):
                    part = network.part(parameter.detach(), index, torch.tensor([i]))
                    network.put(best[index], index, torch.tensor([seed]), part)
        on_epoch()
        unfinished = [i for i, seed in enumerate(running) if histories[seed].waited() < settings.patience]
        if not unfinished:
            break
        if len(unfinished) < len(running):
            adam.keep(torch.tensor(unfinished))
            running = [running[i] for i in unfinished]
    if not all(history.best_epoch for history in histories):
        raise UserError("training came to no numbers: the features may be too large, or --data of another kind")
    network.parameters = best
    return histories


@contextmanager
def _fitting_threads(network: SeedStack) -> Iterator[None]:
    """Use a single thread while training a small network."""
    threads = torch.get_num_threads()
    if network.kernels[0].numel() < FEW_WEIGHTS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class KerasAdam:
    """Keras' Adam with L2 penalty on all parameters of a stack; seeds that have stopped can be removed."""

    def __init__(self, network: SeedStack, settings: ProbeSettings) -> None:
        self.network = network
        self.settings = settings
        self.steps = 0
        self.adam = self._new()

    def step(self) -> None:
        """Apply the gradients of the last `backward`."""
        self.steps += 1
        # PyTorch adds epsilon after the bias correction, so Keras' epsilon is converted.
        self.adam.param_groups[0]["eps"] = EPSILON / math.sqrt(1 - BETAS[1] ** self.steps)
        self.adam.step()

    def keep(self, seeds: Tensor) -> None:
        """Go on with only these seeds, by their positions in the stack."""
        states = [self.adam.state[parameter] for parameter in self.network.parameters]
        parts = [
            {
                name: self.network.part(state[name], index, seeds) if name.startswith("exp_avg") else state[name]
                for name in state
            }
            for index, state in enumerate(states)
        ]
        self.network.parameters = [
            self.network.part(parameter.detach(), index, seeds).requires_grad_()
            for index, parameter in enumerate(self.network.parameters)
        ]
        self.adam = self._new()
        for parameter, state in zip(self.network.parameters, parts, strict=True):
            self.adam.state[parameter] = state

    def _new(self) -> torch.optim.Adam:
        # The gradient of l2 * w^2 is 2 * l2 * w, which is what PyTorch's weight decay adds.
        return torch.optim.Adam(
            self.network.parameters,
            lr=self.settings.learning_rate,
            betas=BETAS,
            weight_decay=2 * self.settings.l2,
            fused=True,
        )


def _epoch(
    network: SeedStack, adam: KerasAdam, train: Part, order: Tensor, batch_size: int, device: str
) -> NDArray[np.float64]:
    """Train for one epoch, and return the mean loss of each seed without penalty, (seeds,)."""
    total = np.zeros(network.seeds)
    for x, y in train.batches(batch_size, order.numpy()):
        losses = network.backward(x.to(device), y.to(device))
        adam.step()
        total += losses.cpu().numpy().astype(np.float64) * len(x)
    return total / len(train)


def _validate(
    network: SeedStack, part: Part, settings: ProbeSettings, device: str
) -> tuple[NDArray[np.float64], Scores]:
    """Compute losses with penalty, (seeds,), and probabilities, (seeds, items, classes)."""
    total, scores = torch.zeros(network.seeds, dtype=torch.float64), []
    with torch.no_grad():
        for x, y in part.batches(settings.batch_size):
            logits = network.logits(x.to(device))
            total += network.losses(logits, y.to(device)).cpu() * len(x)
            scores.append((logits.sigmoid() if network.multilabel else logits.softmax(dim=-1)).cpu())
        losses = total / len(part) + network.penalties(settings.l2).cpu()
    return losses.numpy(), torch.cat(scores, dim=1).numpy()


def _rounded(values: list[float]) -> list[float | None]:
    return [round(value, 6) if math.isfinite(value) else None for value in values]
