"""The number type in which a system computes, where its adapter offers a choice."""

from __future__ import annotations

from collections.abc import Sequence

from m2l_bench.cards import SystemCard
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.systems.adapters import adapter_class
from m2l_bench.systems.objects import ObjectCard

FLOAT32 = "float32"


def number_type(precision: str, devices: Sequence[str]) -> str:
    """Resolve a precision: "auto" is bfloat16 where all devices are GPUs with matrix units for it, otherwise float32.

    Args:
        precision: "auto", "float32", "bfloat16" or "float16".
        devices: torch devices.
    """
    if precision != "auto":
        return precision
    import torch

    fast = all(is_gpu(device) and torch.cuda.get_device_capability(device) >= (8, 0) for device in devices)
    return "bfloat16" if fast else FLOAT32


def in_precision(card: SystemCard, precision: str, devices: Sequence[str]) -> SystemCard:
    """Set the option `dtype` of a card to a precision: the card of another system than the one in float32.

    A card stays as it is in float32, or if its adapter has no such option, or if it sets the option by itself. An
    object in memory has its number type already.

    Raises:
        UserError: the adapter cannot be imported.
    """
    if isinstance(card, ObjectCard):
        return card
    chosen = number_type(precision, devices)
    if chosen == FLOAT32 or "dtype" in card.options or chosen not in adapter_class(card).number_types:
        return card
    return card.model_copy(update={"options": {**card.options, "dtype": chosen}})
