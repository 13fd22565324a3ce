"""Weights by name: those inside this package, and those on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hub import PUBLISHED

SHIPPED = {"music2latent-mini": Path(__file__).parent / "weights" / "mini"}
"""Folders as `checkpoint.save` writes them; `MODEL_CARD.md` in each says how it was trained."""


def is_here(name_or_path: str) -> bool:
    """Tell whether `locate` finds it without a connection."""
    if Path(name_or_path).exists() or name_or_path in SHIPPED:
        return True
    return name_or_path in PUBLISHED and PUBLISHED[name_or_path].cached() is not None


def locate(name_or_path: str) -> tuple[Path, str | None]:
    """Return the file or folder of weights, and the preset that a published name implies. A path comes before a name.

    Raises:
        CheckpointError: neither a path nor a name, or it cannot be fetched.
    """
    path = Path(name_or_path)
    if path.exists():
        return path, None
    if name_or_path in SHIPPED:
        return SHIPPED[name_or_path], None
    if name_or_path not in PUBLISHED:
        names = ", ".join([*SHIPPED, *PUBLISHED])
        raise CheckpointError(f"'{name_or_path}' is neither a file nor one of {names}")
    published = PUBLISHED[name_or_path]
    try:
        return published.download(), published.preset
    except CheckpointError as error:
        raise CheckpointError(f"{error}; inside this package, without a connection: {', '.join(SHIPPED)}") from error
