"""Reading of published weights and configurations: without running code in them, and checked before use.

Every error is one line that names the file and what was expected of it.
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from m2l_bench.adapter import Availability
from m2l_bench.errors import UserError
from m2l_bench.text import one_line

LARGEST_CONFIG = 10_000_000
LARGEST_NUMBER = 1_000_000
MOST_LAYERS = 1_000
SAMPLE_RATES = range(8_000, 192_001)
"""Sample rates in Hz that audio has."""
LAYER_KEYS = re.compile("layers|blocks|depth|repeats|quantizers|codebooks")
"""Names of numbers that say how many parts a network has."""
LARGEST_MEMBER = 4 * 10**9
"""Bytes of a checkpoint in an archive."""

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def package_availability(package: str, extra: str = "embeddings", first: str = "") -> Availability:
    """Tell whether another package is installed, without importing it.

    Args:
        package: the name under which it is imported and installed.
        extra: the extra of m2l-bench that installs it.
        first: the first version that has the network, as MAJOR.MINOR; empty: any has it.
    """
    if importlib.util.find_spec(package) is None:
        return Availability(f"the package {package} is not installed", f"pip install 'm2l-bench[{extra}]'")
    if first and _numbers(version(package)) < _numbers(first):
        return Availability(
            f"{package} is older than {first}, the first with this network", f"pip install '{package}>={first}'"
        )
    return Availability()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def read_torch(path: Path, expected: str, inside: str = "", key: str = "state_dict") -> dict[str, Tensor]:
    """Read tensors by name from a `.pt`, `.pth` or `.bin` file; the prefix `module.` is removed from names.

    Args:
        expected: what the file should be, for the message when it is not.
        inside: name of the checkpoint inside the zip archive that `path` may be, in any of its folders; empty: `path`
            is the checkpoint itself.
        key: the entry that holds the tensors, where the file holds more than tensors.

    Raises:
        UserError: the file is missing, damaged or does not hold tensors by name.
    """
    from torch import Tensor

    from m2l_bench.music2latent.errors import CheckpointError
    from m2l_bench.music2latent.pickles import read_pickle
    from m2l_bench.weights.legacy_torch import with_binary_integers

    must_exist(path, expected)
    try:
        member = _member(path, inside, expected) if inside else None
        content = read_pickle(path, lazy=True, stream=with_binary_integers(path, member))
    except CheckpointError as error:
        raise UserError(f"{error}; expected {expected}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({one_line(error)}); expected {expected}") from error
    if isinstance(content, Mapping):
        content = content.get(key, content)
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: does not hold tensors by name; expected {expected}")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def read_safetensors(path: Path, expected: str) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors file.

    Args:
        expected: what the file should be, for the message when it is not.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    must_exist(path, expected)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({one_line(error)}); expected {expected}") from error


def read_config(path: Path, expected: str) -> dict[str, Any]:
    """Read the mapping in a configuration: YAML where the file's name ends in `.yaml`, JSON otherwise.

    Args:
        expected: what the file should be, for the message when it is not.

    Raises:
        UserError: the file is missing, does not hold a mapping, or holds numbers that no network has.
    """
    must_exist(path, expected)
    content = _yaml_in(path, expected) if path.suffix == ".yaml" else _json_in(path, expected)
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a mapping; expected {expected}")
    try:
        _check_numbers(content)
    except ValueError as error:
        raise UserError(f"{path}: cannot be used ({error}); expected {expected}") from error
    return content


def _json_in(path: Path, expected: str) -> Any:
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ValueError(f"larger than {LARGEST_CONFIG:,} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON ({one_line(error)}); expected {expected}") from error


def _yaml_in(path: Path, expected: str) -> Any:
    from m2l_bench.cards.limited_yaml import ERRORS, read_yaml

    try:
        return read_yaml(path)
    except ERRORS as error:
        raise UserError(f"{path}: not readable as YAML ({one_line(error)}); expected {expected}") from error


def read_sample_rate(content: Mapping[str, Any], key: str, path: Path, expected: str) -> int:
    """Read the sample rate in Hz from the mapping in a `config.json`.

    Args:
        path: the file that the mapping comes from, for the message.
        expected: what the file should be, for the message.

    Raises:
        UserError: it is not one that audio has.
    """
    rate = content.get(key, 0)
    if type(rate) is not int or rate not in SAMPLE_RATES:
        raise UserError(f"{path}: {key} is {rate}; expected {expected}")
    return rate


def _check_numbers(content: Any, key: str = "") -> None:
    """Refuse numbers and lists that no network has, before anything of that size is built.

    Raises:
        ValueError: there is one; the message names its key.
    """
    if isinstance(content, dict):
        for name, value in content.items():
            _check_numbers(value, name)
    elif isinstance(content, list):
        if len(content) > MOST_LAYERS:
            raise ValueError(f"{key} lists {len(content):,} values, more than {MOST_LAYERS:,}")
        for value in content:
            _check_numbers(value, key)
    elif isinstance(content, int):
        most = MOST_LAYERS if LAYER_KEYS.search(key) else LARGEST_NUMBER
        if abs(content) > most:
            raise ValueError(f"{key} is {content:,}, more than {most:,}")


def fill(module: Module, tensors: Mapping[str, Tensor], path: Path, expected: str) -> None:
    """Copy `tensors` into `module`, which must have exactly these, and prepare it for inference.

    Names of normalised weights may be the older `weight_g` and `weight_v`, in the file or in the module.

    Args:
        path: the file that the tensors come from, for messages.
        expected: what the file should be, for messages.

    Raises:
        UserError: a tensor is missing, unknown, of another shape or not finite.
    """
    tensors = {_current_name(name): tensor for name, tensor in tensors.items()}
    state = module.state_dict()
    own_names = {_current_name(name): name for name in state}
    parameters = {name: state[own_name] for name, own_name in own_names.items()}
    absent, unknown = parameters.keys() - tensors.keys(), tensors.keys() - parameters.keys()
    for names, what in ((absent, "lacks"), (unknown, "also holds")):
        if names:
            raise UserError(f"{path}: not {expected}: it {what} {len(names)} tensors, first {min(names)}")
    for name, tensor in tensors.items():
        if tensor.shape != parameters[name].shape:
            shape, expected_shape = tuple(tensor.shape), tuple(parameters[name].shape)
            raise UserError(f"{path}: not {expected}: {name} has the shape {shape} instead of {expected_shape}")
        if not tensor.isfinite().all():
            raise UserError(f"{path}: {name} holds NaN or infinity")
    module.load_state_dict({own_names[name]: tensor for name, tensor in tensors.items()})
    module.eval().requires_grad_(False)


def _current_name(name: str) -> str:
    for old, new in (
        (".weight_g", ".parametrizations.weight.original0"),
        (".weight_v", ".parametrizations.weight.original1"),
    ):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _member(path: Path, name: str, expected: str) -> IO[bytes] | None:
    """Read the member called `name` of the zip archive at `path`; None if it is no archive or has no such member."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if PurePosixPath(member.filename).name == name:
                    if member.file_size > LARGEST_MEMBER:
                        raise UserError(f"{path}: its {name} would be {member.file_size / 1e9:,.0f} GB; not unpacked")
                    return io.BytesIO(archive.read(member))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path}: not a whole zip archive ({one_line(error)}); expected {expected}") from error
    return None


def must_exist(path: Path, expected: str) -> None:
    """Check that a file is there.

    Raises:
        UserError: it is not; the message tells what was expected.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected {expected}")
