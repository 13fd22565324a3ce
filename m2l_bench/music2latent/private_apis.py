"""Everything private of PyTorch and Lightning Fabric that this folder uses, in one place.

None of it is documented, so a new version may drop it; `tests/music2latent_model/test_private_apis.py` then names what
is missing. Tried with PyTorch 2.13 and Lightning Fabric 2.6, with no lower versions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch._weights_only_unpickler
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Function = TypeVar("Function", bound=Callable[..., Any])


def convolve(convolution: nn.Conv1d | nn.Conv2d, x: Tensor, bias: Tensor) -> Tensor:
    """A convolution with another bias."""
    return convolution._conv_forward(x, convolution.weight, bias)


def foreach_lerp(starts: Sequence[Tensor], ends: Sequence[Tensor], weight: float) -> tuple[Tensor, ...]:
    """start + weight * (end - start) for each pair, in few kernels."""
    return tuple(torch._foreach_lerp(list(starts), list(ends), weight))


def foreach_lerp_(starts: Sequence[Tensor], ends: Sequence[Tensor], weight: float) -> None:
    """As `foreach_lerp`, in place."""
    torch._foreach_lerp_(list(starts), list(ends), weight)


def foreach_add_(tensors: Sequence[Tensor], others: Sequence[Tensor], alpha: float) -> None:
    """tensor += alpha * other for each pair, in few kernels."""
    torch._foreach_add_(list(tensors), list(others), alpha=alpha)


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all values of all tensors, on their device."""
    return torch.stack(torch._foreach_norm(list(tensors))).norm()


def allow_graphs(count: int) -> None:
    """Let `torch.compile` keep this many graphs of a function; by default it gives up after 8."""
    import torch._dynamo.config  # seconds: only what compiles waits for it

    torch._dynamo.config.cache_size_limit = count


def constant_when_compiled(function: Function) -> Function:
    """Mark a function whose result `torch.compile` may keep: `torch.compiler.assume_constant_result`, which takes
    seconds to import what is needed to compile."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def import_fabric() -> type[Fabric]:
    """Import Fabric without torchmetrics, which it would import for its version alone: that takes seconds."""
    hidden = {} if "torchmetrics" in sys.modules else {"torchmetrics": None}
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        from lightning_fabric import Fabric
    finally:
        for name in hidden:
            del sys.modules[name]
    return Fabric


def gradient_scaler(fabric: Fabric) -> Any:
    """The scaler of float16's gradients; None for other types of number."""
    return getattr(fabric._precision, "scaler", None)


@contextmanager
def allowed_globals(select: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Replace what PyTorch's reader of pickles may call, as long as the block runs.

    Args:
        select: makes the new names and objects from those that it may call by default.
    """
    reader: Any = torch._weights_only_unpickler
    by_default = reader._get_allowed_globals
    selected = select(by_default())
    reader._get_allowed_globals = lambda: selected
    try:
        yield
    finally:
        reader._get_allowed_globals = by_default
