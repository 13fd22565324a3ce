"""Names of published weights -> files, through the Hugging Face hub.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are honoured by `huggingface_hub` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hashes import file_sha256


@dataclass(frozen=True)
class HubFile:
    """A file on the hub."""

    repository: str
    filename: str
    revision: str
    """Commit, tag or branch."""
    sha256: str | None
    """None: not known yet, and not checked."""
    preset: str
    """Configuration of the weights."""

    @property
    def command(self) -> str:
        """What fetches it into the hub's cache."""
        return f"hf download {self.repository} {self.filename} --revision {self.revision}"


PUBLISHED: dict[str, HubFile] = {
    # Neither the commit nor the hash could be seen where this was written: `scripts/check_published_weights.py` prints
    # both, to be put here.
    "music2latent": HubFile("SonyCSLParis/music2latent", "music2latent.pt", "main", None, "official"),
}


def cached(name: str) -> Path | None:
    """The file of a published name if it is already on this machine."""
    from huggingface_hub import try_to_load_from_cache

    file = PUBLISHED[name]
    path = try_to_load_from_cache(file.repository, file.filename, revision=file.revision)
    return Path(path) if isinstance(path, str) else None


def download(name: str) -> Path:
    """The file of a published name, fetched if need be.

    Raises:
        CheckpointError: unknown name, no connection and not in the cache, or a file with another hash.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    if name not in PUBLISHED:
        raise CheckpointError(f"'{name}' is neither a file nor one of {', '.join(PUBLISHED)}")
    file = PUBLISHED[name]
    try:
        path = Path(hf_hub_download(file.repository, file.filename, revision=file.revision))
    except (LocalEntryNotFoundError, EntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{file.repository}/{file.filename}: not on this machine and cannot be fetched ({reason}); "
            f"with a connection: {file.command}"
        ) from error
    if file.sha256 is not None and file_sha256(path) != file.sha256:
        raise CheckpointError(f"{path}: SHA-256 is not {file.sha256}; delete the file and run: {file.command}")
    return path
