"""The card of a generator: everything that decides its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from m2l_bench.cards.models import Card
from m2l_bench.cards.reading import read_card_as
from m2l_bench.errors import UserError
from m2l_bench.shipped import shipped

FOLDER = "generators"


class TimeDistribution(BaseModel):
    """Logit-normal distribution of training times: t is the sigmoid of a normal number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float = 0.0
    deviation: float = Field(default=1.0, gt=0)


class GeneratorCard(Card):
    """A transformer, how it is trained by flow matching, and how samples are drawn from it."""

    depth: int = Field(ge=1, description="blocks")
    width: int = Field(ge=4, description="numbers per frame inside the transformer")
    heads: int = Field(ge=1, description="heads of the attention")
    seconds: float = Field(gt=0, description="length of crops in training, and of samples")
    batch_seconds: float = Field(gt=0, description="seconds of audio in one batch")
    steps: int = Field(ge=1, description="optimiser steps")
    learning_rate: float = Field(gt=0)
    warm_up: int = Field(ge=0, description="steps in which the learning rate grows; then it is constant")
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0, description="a larger gradient is scaled down to this norm")
    ema: float = Field(ge=0, lt=1, description="decay of the moving average of the weights, once it is warm")
    times: TimeDistribution = TimeDistribution()
    validations: int = Field(default=10, ge=1, description="measurements of the validation loss")
    validation_crops: int = Field(default=32, ge=1, description="largest number of held-out crops of the validation")
    sampler: Literal["euler", "heun"]
    sampling_steps: int = Field(ge=1)

    @model_validator(mode="after")
    def _fitting(self) -> GeneratorCard:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is not a multiple of twice the heads, {2 * self.heads}")
        if self.crops < 1:
            raise ValueError(f"batch_seconds {self.batch_seconds:g} holds no crop of {self.seconds:g} s")
        return self

    @property
    def crops(self) -> int:
        """Number of crops in a batch."""
        return int(self.batch_seconds / self.seconds)


def load_generator(name: str) -> GeneratorCard:
    """Read the card of a generator.

    Args:
        name: name of a card of this package, or path of a YAML file.

    Raises:
        UserError: there is no such card, or it is not valid.

    Example:
        >>> load_generator("flow-small").sampler
        'heun'
    """
    if name.endswith((".yaml", ".yml")):
        return read_card_as(Path(name), GeneratorCard)
    folder = shipped("baselines") / FOLDER
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise UserError(f"no generator '{name}': there are {', '.join(names)}, or give the path of a .yaml file")
    return read_card_as(folder / f"{name}.yaml", GeneratorCard)
