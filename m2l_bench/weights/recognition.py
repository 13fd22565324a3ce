"""Cards for repositories on the hub: which adapter of this package runs what a repository holds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import ValidationError

from m2l_bench.cards import SystemCard
from m2l_bench.errors import UserError
from m2l_bench.text import counted, one_line
from m2l_bench.weights.read import read_config

Values = Mapping[str, Any]
"""Content of a `config.json`."""
LARGEST_CONFIG_BYTES = 10**6
EXPECTED = "the config.json of a codec"
MUSIC2LATENT_KEYS = {"latent_channels", "channel_multipliers", "sigma_data"}
"""Keys that only a configuration of Music2Latent has."""


@dataclass(frozen=True)
class RepositoryFile:
    """A file of a repository."""

    name: str
    """Path in the repository."""
    bytes: int
    sha256: str
    """Empty where the hub does not state it, as for small files."""


@dataclass(frozen=True)
class Repository:
    """A repository on the hub at one commit."""

    name: str
    """OWNER/REPO."""
    commit: str
    licence: str
    """As its card states it; may be empty."""
    files: dict[str, RepositoryFile]
    """By path."""

    @property
    def card_name(self) -> str:
        """Name for a card: that of the repository, in small letters, digits, dots and hyphens."""
        return re.sub(r"[^a-z0-9.]+", "-", self.name.partition("/")[2].lower()).strip("-.") or "codec"


def read_repository(name: str) -> Repository:
    """Ask the hub what a repository holds.

    Raises:
        UserError: the hub cannot be reached, or has no such repository that one may see.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        found = HfApi().model_info(name, files_metadata=True, timeout=10)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise UserError(f"hf:{name}: {one_line(error)}") from error
    files = {}
    for file in found.siblings or []:
        sha256 = file.lfs.sha256 if file.lfs else ""
        files[file.rfilename] = RepositoryFile(file.rfilename, file.size or 0, sha256)
    licence = found.card_data.get("license", "") if found.card_data else ""
    return Repository(name, found.sha or "main", str(licence or ""), files)


def write_card(repository: Repository, name: str, read: Callable[[str], Path]) -> str:
    """Write the card of the codec that a repository holds, as YAML.

    Args:
        name: name of the card.
        read: gives the path of a small file of the repository on this machine.

    Raises:
        UserError: it holds no codec that an adapter of this package runs, or several, or no file of its weights.
    """
    found: list[dict[str, Any]] = []
    for path in map(PurePosixPath, repository.files):
        if path.name == "config.json":
            config = read_config(read(str(path)), EXPECTED)
            try:
                found += filter(None, (recognise(config, path.parent) for recognise in KINDS))
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise UserError(f"hf:{repository.name}/{path}: cannot be used ({one_line(error)})") from error
    official = [file for file in repository.files if file.endswith(".pt")]
    if not found and len(official) == 1:
        found.append(_music2latent(OFFICIAL, PurePosixPath(official[0])))
    if len(found) != 1:
        what = f"{len(found)} codecs" if found else "no codec that an adapter of this package runs"
        raise UserError(f"hf:{repository.name}: {what} among its {counted(len(repository.files), 'file')}")
    (codec,) = found
    weights = {key: _weight_file(repository, file) for key, file in codec.pop("weights").items()}
    card = {
        "name": name,
        "title": repository.name,
        "description": f"Written by `m2l-bench models add hf:{repository.name}`.",
        "kind": "neural",
        **codec,
        "weights": weights,
        "licence": {"weights": repository.licence},
        "source": f"https://huggingface.co/{repository.name}",
    }
    try:
        SystemCard.model_validate({**card, "path": Path(name)})
    except ValidationError as error:
        raise UserError(f"hf:{repository.name}: its configuration makes no card ({one_line(error)})") from error
    text: str = yaml.safe_dump(card, sort_keys=False, width=120)
    return text


def _weight_file(repository: Repository, path: PurePosixPath) -> dict[str, Any]:
    """Describe a file of weights, at the commit that was seen."""
    file = repository.files.get(str(path))
    if file is None:
        raise UserError(f"hf:{repository.name}: has no file {path}, which its configuration needs")
    described: dict[str, Any] = {"repository": repository.name, "filename": str(path), "revision": repository.commit}
    if file.sha256:
        described["sha256"] = file.sha256
    if file.bytes > 1e6:
        described["megabytes"] = round(file.bytes / 1e6)
    return described


def _oobleck(config: Values, folder: PurePosixPath) -> dict[str, Any]:
    """Recognise an autoencoder of diffusers with the structure of Stable Audio Open's."""
    if config.get("_class_name") != "AutoencoderOobleck":
        return {}
    ratios = config.get("downsampling_ratios", (2, 4, 4, 8, 8))
    return _card(
        "oobleck",
        _files(folder, "diffusion_pytorch_model.safetensors"),
        sample_rate=config.get("sampling_rate", 44_100),
        channels=config.get("audio_channels", 2),
        width=config.get("decoder_input_channels", 64),
        samples=math.prod(ratios),
    )


def _dac(config: Values, folder: PurePosixPath) -> dict[str, Any]:
    """Recognise a DAC in the format of transformers."""
    if config.get("model_type") != "dac":
        return {}
    codebooks = config.get("n_codebooks", 9)
    card = _card(
        "dac",
        _files(folder, "model.safetensors"),
        sample_rate=config.get("sampling_rate", 16_000),
        channels=1,
        width=codebooks,
        samples=config.get("hop_length", 512),
        bits=_bits(config.get("codebook_size", 1024)),
    )
    return card | {"options": {"codebooks": codebooks}}


def _mimi(config: Values, folder: PurePosixPath) -> dict[str, Any]:
    """Recognise a Mimi in the format of transformers; all of its codebooks are used."""
    if config.get("model_type") != "mimi":
        return {}
    rate, codebooks = config.get("sampling_rate", 24_000), config.get("num_quantizers", 32)
    card = _card(
        "mimi",
        _files(folder, "model.safetensors"),
        sample_rate=rate,
        channels=1,
        width=codebooks,
        samples=round(rate / config.get("frame_rate", 12.5)),
        bits=_bits(config.get("codebook_size", 2048)),
    )
    return card | {"options": {"codebooks": codebooks}}


def _ours(config: Values, folder: PurePosixPath) -> dict[str, Any]:
    """Recognise what `m2l-bench train` and `export` write."""
    return _music2latent(config, folder / "model.safetensors") if config.keys() >= MUSIC2LATENT_KEYS else {}


def _music2latent(config: Values, weights: PurePosixPath) -> dict[str, Any]:
    halvings = sum(step == "both" for step in config["downsampling"])
    card = _card(
        "music2latent",
        {"weights": weights},
        sample_rate=config["sample_rate"],
        channels=1,
        width=config["latent_channels"],
        samples=config["hop"] * 2**halvings,
    )
    return card | {"steps": 1}


def _card(adapter: str, weights: dict[str, PurePosixPath], **latents: Any) -> dict[str, Any]:
    return {"adapter": adapter, "latents": latents, "weights": weights, "batch_size": 1}


def _files(folder: PurePosixPath, checkpoint: str) -> dict[str, PurePosixPath]:
    return {"config": folder / "config.json", "checkpoint": folder / checkpoint}


def _bits(entries: int) -> int:
    return math.ceil(math.log2(entries))


KINDS: tuple[Callable[[Values, PurePosixPath], dict[str, Any]], ...] = (_oobleck, _dac, _mimi, _ours)
"""Each gives the keys of a card if a configuration is of its kind, and otherwise nothing."""
OFFICIAL: Values = {
    "sample_rate": 44_100,
    "latent_channels": 64,
    "hop": 512,
    "downsampling": ("frequency", *["both"] * 3),
}
"""What of the configuration of an official `.pt` decides its latents."""
