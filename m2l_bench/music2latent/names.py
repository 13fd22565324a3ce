"""Weights by name: those inside this package, published ones, and anybody's on the Hugging Face hub."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hub import PUBLISHED, WEIGHTS, HubFile

SHIPPED = {"music2latent-mini": Path(__file__).parent / "weights" / "mini"}
"""Folders as `checkpoint.save` writes them; `MODEL_CARD.md` in each says how it was trained."""

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def hub_file(name: str, revision: str | None = None, token: str | bool | None = None) -> HubFile | None:
    """Return the file on the hub that a published name or `owner/name` stands for; None if it is neither.

    Args:
        revision: commit, tag or branch; default: that of the published name, or `main`.
    """
    if name in PUBLISHED:
        published = replace(PUBLISHED[name], token=token)
        return replace(published, revision=revision, sha256=None) if revision else published
    if REPOSITORY.fullmatch(name) and Path(name).suffix not in (".pt", ".pth", ".ckpt", ".safetensors"):
        return HubFile(name, WEIGHTS, revision or "main", None, token=token)
    return None


def is_here(name_or_path: str) -> bool:
    """Tell whether `locate` finds it without a connection."""
    if Path(name_or_path).exists() or name_or_path in SHIPPED:
        return True
    file = hub_file(name_or_path)
    return file is not None and file.cached() is not None


def locate(name_or_path: str, revision: str | None = None, token: str | bool | None = None) -> tuple[Path, str | None]:
    """Return the file or folder of weights, and the preset that a published name implies. A path comes before a name.

    Args:
        revision, token: of a name on the hub, see `hub_file`.

    Raises:
        CheckpointError: neither a path nor a name, or it cannot be fetched.
    """
    path = Path(name_or_path)
    if path.exists():
        return path, None
    if name_or_path in SHIPPED:
        return SHIPPED[name_or_path], None
    file = hub_file(name_or_path, revision, token)
    if file is None:
        names = ", ".join([*SHIPPED, *PUBLISHED])
        raise CheckpointError(f"'{name_or_path}' is neither a file nor one of {names}")
    try:
        return file.download(), file.preset or None
    except CheckpointError as error:
        if name_or_path not in PUBLISHED:
            raise CheckpointError(f"'{name_or_path}' is no file or folder, and on the hub {error}") from error
        raise CheckpointError(f"{error}; inside this package, without a connection: {', '.join(SHIPPED)}") from error
