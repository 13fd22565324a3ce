"""Objects in memory as systems: a codec, any object with `encode` and `decode`, or a function of audio."""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from m2l_bench.audio import Audio
from m2l_bench.cards import SystemCard
from m2l_bench.cards.models import Card
from m2l_bench.codecs.base import Codec, Reconstructor, Transmitted
from m2l_bench.errors import BadClip, UserError

if TYPE_CHECKING:
    from torch import Generator, Tensor


class ObjectCard(SystemCard):
    """Card of an object in memory. Nothing identifies its code, so each card is another system and starts a new run."""

    system: Any = Field(exclude=True)
    """The adapter itself, a `Codec` or a `Reconstructor`."""


def runs_here_only(card: Card) -> bool:
    """Tell whether a system can run in this process alone, as an object in its memory can."""
    return isinstance(card, ObjectCard)


def object_card(system: object, name: str = "") -> ObjectCard:
    """Make a card for a codec, an object with `encode` and `decode`, or a function from audio to audio.

    Args:
        name: name in tables; default: the name of the function or of the class.

    Raises:
        UserError: the object is none of these, or a codec states no sample rate.

    Example:
        >>> object_card(lambda audio: audio / 2, "half").title
        'half'
    """
    adapter = _adapter(system)
    label = name or getattr(system, "__name__", "") or type(system).__name__
    return ObjectCard(
        name=re.sub(r"[^A-Za-z0-9._+-]+|^[^A-Za-z0-9]+", "", label) or "system",
        title=label,
        kind="neural",
        adapter=f"{type(system).__module__}:{type(system).__qualname__}",
        options={"object": uuid.uuid4().hex},
        system=adapter,
    )


def _adapter(system: object) -> Codec | Reconstructor:
    if isinstance(system, Codec | Reconstructor):
        return system
    if callable(getattr(system, "encode", None)) and callable(getattr(system, "decode", None)):
        return CodecObject(system)
    if callable(system):
        return Function(system)
    raise UserError(
        f"{type(system).__name__} is no system: expected the name of a card, an object with encode and decode, "
        "or a function from audio to audio"
    )


class CodecObject(Codec):
    """An object with `encode` and `decode` as a codec.

    Args:
        codec: has the attribute `sample_rate` in Hz and, for two channels, `channels`. `encode` gets a tensor (batch,
            channels, samples); `decode` gets what `encode` returned and those of `samples`, `steps` and `generator`
            that it has parameters for, and returns (batch, channels, samples).

    Raises:
        UserError: it has no `sample_rate`.
    """

    def __init__(self, codec: Any) -> None:
        if not isinstance(getattr(codec, "sample_rate", None), int):
            raise UserError(f"{type(codec).__name__} has no `sample_rate`: set it to a whole number of Hz")
        self.codec = codec
        self.sample_rate = codec.sample_rate
        self.channels = getattr(codec, "channels", 1)

    def to(self, device: str) -> None:
        if callable(getattr(self.codec, "to", None)):
            self.codec.to(device)

    def encode(self, audio: Tensor) -> Any:
        return self.codec.encode(audio)

    def decode(self, latents: Any, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        import torch

        options = {"samples": samples, "steps": steps, "generator": generator}
        known = inspect.signature(self.codec.decode).parameters
        return torch.as_tensor(self.codec.decode(latents, **{name: options[name] for name in options if name in known}))

    def features(self, audio: Tensor) -> Tensor:
        if not callable(getattr(self.codec, "features", None)):
            raise UserError(f"{type(self.codec).__name__} has no method `features` to probe")
        features: Tensor = self.codec.features(audio)
        return features

    def transmitted(self, latents: Any) -> Transmitted:
        """Count the values of a tensor or array and their bits; nothing is known of the size of other latents."""
        if not hasattr(latents, "nbytes"):
            return Transmitted(0, 0)
        return Transmitted(int(np.prod(latents.shape)), int(latents.nbytes) * 8)


class Function(Reconstructor):
    """A function as a system without latents.

    Args:
        function: maps (channels, samples) float32 at the clip's rate to audio of the same rate; with a second
            parameter, it also gets this rate in Hz.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:  # built-in functions may have none
            parameters = {}.values()
        required = [
            p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.takes_rate = len(required) > 1

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        output = self.function(audio.copy(), sample_rate) if self.takes_rate else self.function(audio.copy())
        if hasattr(output, "detach"):
            output = output.detach().cpu()
        result: Audio = np.atleast_2d(np.asarray(output, np.float32))
        if result.ndim != 2:
            raise BadClip(f"the function gave shape {result.shape}; expected (channels, samples)")
        if not np.isfinite(result).all():
            raise BadClip("the function gave NaN or infinite samples")
        return result
