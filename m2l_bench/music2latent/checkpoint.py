"""Weights on disk: our safetensors with the configuration inside, and the authors' published `.pt`.

Nothing from a file is ever executed: see `pickles.py` for the `.pt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from m2l_bench.music2latent.config import PRESETS, Config
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.files import write_atomically
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.hub import WEIGHTS
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.official import from_official, to_official
from m2l_bench.music2latent.pickles import read_pickle

CONFIG = "config.json"
RUN_MODEL = "model"
"""Folder of the weights inside the folder of a training."""
FORMAT = "m2l-bench.music2latent"
"""The one key of a file's metadata, whose value is the configuration: safetensors writes several in random order, and
equal weights are to be equal files."""


@dataclass(frozen=True)
class Checkpoint:
    """Trained networks and their origin."""

    networks: Networks
    path: Path
    sha256: str


def load(path: Path, preset: str | None = None) -> Checkpoint:
    """Read a folder written by `save` or by a training, a `.safetensors` file of one, or an official `.pt`.

    Args:
        preset: the configuration that the weights must have; by default the file's own, and `official` for `.pt`.

    Raises:
        CheckpointError: no such file, not a checkpoint, cut short, or not of this preset.
    """
    if preset is not None and preset not in PRESETS:
        raise CheckpointError(f"no preset '{preset}': expected one of {', '.join(PRESETS)}")
    file = path / WEIGHTS if path.is_dir() else path
    if path.is_dir() and not file.is_file() and (path / RUN_MODEL).is_dir():
        file = path / RUN_MODEL / WEIGHTS
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file")
    if file.suffix in (".pt", ".pth", ".ckpt"):
        config = PRESETS[preset or "official"]
        tensors = from_official(_read_official(file), config)
    else:
        tensors, config = _read_safetensors(file)
        if preset is not None and config != PRESETS[preset]:
            raise CheckpointError(f"{file}: its configuration is not that of preset '{preset}'; leave the preset out")
    networks = _fill(config, tensors, file)
    return Checkpoint(networks, file, file_checksum(file))


def save(networks: Networks, folder: Path, dtype: torch.dtype | None = None) -> Path:
    """Write `model.safetensors` (configuration inside) and `config.json`, a copy for people; returns the former.

    Args:
        dtype: store weights as this type, for example float16 for half the size; by default as they are.
    """
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in networks.state_dict().items()}
    write_atomically(folder / WEIGHTS, to_bytes(tensors, {FORMAT: networks.config.to_json()}))
    (folder / CONFIG).write_text(networks.config.to_json(), encoding="utf-8")
    return folder / WEIGHTS


def export_official(networks: Networks, path: Path) -> None:
    """Write a `.pt` that the authors' package loads.

    Raises:
        CheckpointError: the configuration is not the published one, which is fixed in that package's code.
    """
    if networks.config != PRESETS["official"]:
        raise CheckpointError("only the preset 'official' can be read by the published package")
    tensors = {name: tensor.to("cpu", torch.float32) for name, tensor in networks.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    torch.save({"gen_state_dict": to_official(tensors, networks.config)}, unfinished)
    unfinished.replace(path)


def _read_official(file: Path) -> dict[str, Tensor]:
    content = read_pickle(file)
    tensors = content.get("gen_state_dict") if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise CheckpointError(f"{file}: no 'gen_state_dict' in it, which the published music2latent.pt has")
    return tensors


def _read_safetensors(file: Path) -> tuple[dict[str, Tensor], Config]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{file}: not a whole safetensors file ({error})") from error
    if FORMAT not in metadata:
        raise CheckpointError(f"{file}: safetensors, but not written by m2l-bench for Music2Latent")
    try:
        return tensors, Config.from_json(metadata[FORMAT])
    except ValueError as error:
        raise CheckpointError(f"{file}: its configuration cannot be used ({error})") from error


def _fill(config: Config, tensors: dict[str, Tensor], file: Path) -> Networks:
    with torch.device("meta"):
        networks = Networks(config)
    expected = networks.state_dict()
    missing = [name for name in expected if name not in tensors]
    extra = [name for name in tensors if name not in expected]
    wrong = [name for name in expected if name in tensors and tensors[name].shape != expected[name].shape]
    for names, what in ((missing, "lacks"), (extra, "also holds")):
        if names:
            raise CheckpointError(
                f"{file}: does not match its preset: it {what} {len(names)} tensors, first {names[0]}"
            )
    if wrong:
        name = wrong[0]
        raise CheckpointError(
            f"{file}: does not match its preset: {len(wrong)} tensors differ in shape, first {name}: "
            f"{tuple(tensors[name].shape)} instead of {tuple(expected[name].shape)}"
        )
    broken = [name for name in expected if not math.isfinite(float(tensors[name].float().sum()))]
    if broken:
        raise CheckpointError(f"{file}: {len(broken)} tensors hold NaN or infinity, first {broken[0]}")
    networks.load_state_dict({name: tensors[name].float() for name in expected}, assign=True)
    return networks.eval()
