"""Models of `transformers` from a configuration and a file of weights, refused unless both are exactly the model's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import read_config, read_safetensors


def read_model(model: type, config: Path, checkpoint: Path, wanted: dict[str, Any], expected: str) -> Any:
    """An instance of `model`, float32, for inference alone.

    Args:
        model: a class of `transformers`; names of tensors that its published file has from older versions are known
            to it.
        config: the published `config.json`.
        checkpoint: the published `model.safetensors`.
        wanted: values that the configuration must have.
        expected: what the files should be, for the message when they are not.

    Raises:
        UserError: a file is missing, damaged, or of another model.
    """
    content = read_config(config, expected)
    kind = model.config_class  # type: ignore[attr-defined]
    wanted = {"model_type": kind.model_type} | wanted
    try:
        # A configuration of another type would pass for one of this, with this one's defaults.
        configuration = kind.from_dict(content) if content.get("model_type") == kind.model_type else None
    except Exception as error:  # transformers validates with several types of its own
        raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {expected}") from error
    for name, value in wanted.items():
        found = content.get(name) if configuration is None else getattr(configuration, name)
        if found != value:
            raise UserError(f"{config}: {name} is {found!r} instead of {value!r}; expected {expected}")
    tensors = read_safetensors(checkpoint, expected)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{checkpoint}: {name} holds NaN or infinity")
    try:
        with _silence():
            network, report = model.from_pretrained(  # type: ignore[attr-defined]
                None, config=configuration, state_dict=tensors, output_loading_info=True, ignore_mismatched_sizes=True
            )
    except Exception as error:  # sizes in the configuration that do not go together fail anywhere in torch
        raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {expected}") from error
    for key, what in (("missing_keys", "lacks"), ("unexpected_keys", "also holds")):
        if report[key]:
            raise UserError(
                f"{checkpoint}: not {expected}: it {what} {len(report[key])} tensors, first {min(report[key])}"
            )
    if report["mismatched_keys"]:
        names = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]  # transformers 4 or 5
        raise UserError(f"{checkpoint}: not {expected}: {min(names)} has not the shape that {config.name} gives it")
    return network.float().eval().requires_grad_(False)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without the bar and the report that `transformers` prints: `read_model` says in a line what is wrong."""
    import logging as levels

    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(levels.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
