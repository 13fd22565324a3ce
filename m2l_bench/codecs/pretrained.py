"""Reading of `transformers` models from a configuration and a weight file, with a check that both are the model's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import read_config, read_safetensors


def read_model(model: type, config: Path, checkpoint: Path, required: dict[str, Any], expected: str) -> Any:
    """Create an instance of `model` in float32, for inference only.

    Args:
        model: a class of `transformers`, which translates names of tensors from older versions of itself.
        config: the published `config.json`.
        checkpoint: the published `model.safetensors`.
        required: values that the configuration must have.
        expected: what the files should be, for the message when they are not.

    Raises:
        UserError: a file is missing, damaged, or of another model.
    """
    content = read_config(config, expected)
    kind = model.config_class  # type: ignore[attr-defined]
    required = {"model_type": kind.model_type} | required
    try:
        # `from_dict` would accept a configuration of another type and fill it with defaults of this type.
        configuration = kind.from_dict(content) if content.get("model_type") == kind.model_type else None
    except Exception as error:  # transformers validates with several types of its own
        raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {expected}") from error
    for name, value in required.items():
        actual = content.get(name) if configuration is None else getattr(configuration, name)
        if actual != value:
            raise UserError(f"{config}: {name} is {actual!r} instead of {value!r}; expected {expected}")
    tensors = read_safetensors(checkpoint, expected)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{checkpoint}: {name} holds NaN or infinity")
    try:
        with _quiet_transformers():
            network, report = model.from_pretrained(  # type: ignore[attr-defined]
                None, config=configuration, state_dict=tensors, output_loading_info=True, ignore_mismatched_sizes=True
            )
    except Exception as error:  # sizes in the configuration that do not match each other fail anywhere in torch
        raise UserError(f"{config}: cannot be used ({one_line(error)}); expected {expected}") from error
    for key, what in (("missing_keys", "lacks"), ("unexpected_keys", "also holds")):
        if report[key]:
            raise UserError(
                f"{checkpoint}: not {expected}: it {what} {len(report[key])} tensors, first {min(report[key])}"
            )
    if report["mismatched_keys"]:
        names = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]  # transformers 4 or 5
        raise UserError(
            f"{checkpoint}: not {expected}: the shape of {min(names)} differs from the one that {config.name} gives"
        )
    return network.float().eval().requires_grad_(False)


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Hide the progress bar and the report of `transformers`: `read_model` states in one line what is wrong."""
    import logging as levels

    from transformers.utils import logging

    level, shows_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(levels.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shows_bars:
            logging.enable_progress_bar()
