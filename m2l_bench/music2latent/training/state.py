"""Checkpoints of a run: the whole state, which resumes bit-exactly, and a compact form to carry elsewhere.

A run's folder holds `checkpoint.pt` (whole, replaced atomically), `model/` (the average, ready for `from_pretrained`)
and `log.jsonl`. A compact folder holds weights and average in half precision, in parts below a given size; from it a
run goes on with fresh optimisers, which is not bit-exact.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m2l_bench.music2latent import checkpoint
from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.files import write_atomically
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.schedules import Schedule

WHOLE = "checkpoint.pt"
COMPACT = "compact.json"
WHOLE_FORMAT = "m2l-bench.training"
COMPACT_FORMAT = "m2l-bench.training.compact"


@dataclass
class State:
    """All that a run needs to go on."""

    config: Config
    recipe: Recipe
    seed: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    iteration: int = 0
    schedule: Schedule = field(default_factory=Schedule)
    average_updates: int = 0
    seconds: float = 0.0
    """Seconds of training, over all sessions."""
    skipped: int = 0
    """Steps left out because their loss or gradient was not finite."""
    losses: list[float] = field(default_factory=list)
    """Losses since the latest row of the log."""
    optimisers: list[dict[str, Any]] = field(default_factory=list)
    """Empty: start fresh ones."""
    scaler: dict[str, Any] = field(default_factory=dict)

    @property
    def iterations(self) -> int:
        """K of Eq. 13; 0: not known yet."""
        return self.schedule.iterations


def save(state: State, folder: Path) -> None:
    """Write `checkpoint.pt`.

    Raises:
        OSError: it cannot be written; the checkpoint before it is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        **vars(state),
        "format": WHOLE_FORMAT,
        "config": state.config.to_json(),
        "recipe": state.recipe.to_json(),
        "schedule": asdict(state.schedule),
    }
    unfinished = folder / (WHOLE + ".part")
    try:
        torch.save(content, unfinished)
        unfinished.replace(folder / WHOLE)
    except RuntimeError as error:  # torch's error for a full disk
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Path) -> State:
    """Read the state of a run's folder, a compact folder, or a folder of weights (then both copies are those weights).

    Raises:
        CheckpointError: none of these, or damaged.
    """
    if (path / WHOLE).is_file():
        return _load_whole(path / WHOLE)
    if (path / COMPACT).is_file():
        return _load_compact(path)
    loaded = checkpoint.load(path)
    tensors = loaded.networks.state_dict()
    return State(loaded.networks.config, Recipe(), 0, tensors, dict(tensors))


def _load_whole(file: Path) -> State:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        if content.pop("format") != WHOLE_FORMAT:
            raise ValueError("another format")
        return State(**_parsed(content))
    except Exception as error:  # torch raises many types, some of them bare, on damaged files
        raise CheckpointError(
            f"{file}: not a whole checkpoint of a run ({' '.join(str(error).split())[:200]})"
        ) from error


def save_compact(state: State, folder: Path, part_bytes: int) -> list[Path]:
    """Write weights and average as float16, in `part-00.safetensors` and so on, each below `part_bytes`.

    Raises:
        CheckpointError: a single tensor is larger than a part.
    """
    from safetensors.torch import save as to_bytes

    tensors = {
        f"{kind}.{name}": tensor.to("cpu", torch.float16).contiguous()
        for kind, copy in (("weights", state.weights), ("average", state.average))
        for name, tensor in copy.items()
    }
    parts: list[dict[str, Tensor]] = [{}]
    room = part_bytes
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size() + 200  # and its entry in the header
        if size > part_bytes:
            raise CheckpointError(f"{name} takes {size} bytes: parts of {part_bytes} are too small")
        if size > room:
            parts.append({})
            room = part_bytes
        parts[-1][name] = tensor
        room -= size
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, part in enumerate(parts):
        path = folder / f"part-{number:02d}.safetensors"
        write_atomically(path, to_bytes(part))
        paths.append(path)
    index = {
        "format": COMPACT_FORMAT,
        "config": state.config.to_json(),
        "recipe": state.recipe.to_json(),
        "schedule": asdict(state.schedule),
        **{name: getattr(state, name) for name in ("seed", "iteration", "average_updates", "seconds")},
        "skipped": state.skipped,
        "parts": {path.name: file_checksum(path) for path in paths},
    }
    (folder / COMPACT).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return paths


def _load_compact(folder: Path) -> State:
    from safetensors.torch import load_file

    try:
        index: dict[str, Any] = json.loads((folder / COMPACT).read_text(encoding="utf-8"))
        if index.pop("format") != COMPACT_FORMAT:
            raise ValueError("another format")
        copies: dict[str, Any] = {"weights": {}, "average": {}}
        for name, sha256 in index.pop("parts").items():
            path = folder / Path(name).name
            if file_checksum(path) != sha256:
                raise ValueError(f"{name} is damaged")
            for key, tensor in load_file(path).items():
                kind, _, tensor_name = key.partition(".")
                copies[kind][tensor_name] = tensor.float()
        return State(**_parsed(index), **copies)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{folder / COMPACT}: not a whole compact checkpoint ({error})") from error


def _parsed(content: dict[str, Any]) -> dict[str, Any]:
    """Parse configuration, recipe and schedule; older files hold K in place of the schedule."""
    recipe = Recipe.from_json(content["recipe"])
    if "iterations" in content:
        schedule = Schedule.known(content.pop("iterations"), recipe)
    else:
        schedule = Schedule(**content["schedule"])
    return {**content, "config": Config.from_json(content["config"]), "recipe": recipe, "schedule": schedule}


def differences(new: Config | Recipe, old: Config | Recipe) -> list[str]:
    """Describe the fields in which two configurations or recipes differ."""
    return [
        f"{name} was {value!r}, now {getattr(new, name)!r}"
        for name, value in vars(old).items()
        if getattr(new, name) != value
    ]
