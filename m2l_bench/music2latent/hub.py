"""Files on the Hugging Face hub, and the names of published weights.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are honoured by `huggingface_hub` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hashes import file_checksum


@dataclass(frozen=True)
class HubFile:
    """A file on the hub."""

    repository: str
    filename: str
    revision: str
    """Commit, tag or branch."""
    sha256: str | None
    """None: not known yet, and not checked."""
    preset: str = ""
    """Configuration of the weights, if they are Music2Latent's."""

    @property
    def command(self) -> str:
        """The command that fetches the file into the hub's cache."""
        return f"hf download {self.repository} {self.filename} --revision {self.revision}"

    def cached(self) -> Path | None:
        """Return the file's path if it is on this machine."""
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(self.repository, self.filename, revision=self.revision)
        return Path(path) if isinstance(path, str) else None

    def download(self, folder: Path | None = None) -> Path:
        """Return the file's path, and fetch it first if it is not here, into `folder` or else the hub's cache.

        Raises:
            CheckpointError: no connection and not in the cache, a licence not yet accepted, or a file with another
                hash.
        """
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
        )

        try:
            path = Path(hf_hub_download(self.repository, self.filename, revision=self.revision, local_dir=folder))
        except GatedRepoError as error:
            raise CheckpointError(
                f"{self.repository}/{self.filename}: only for those who have accepted its licence: do so at "
                f"https://huggingface.co/{self.repository}, then log in with `hf auth login` or set HF_TOKEN, and run "
                "it again"
            ) from error
        except (LocalEntryNotFoundError, EntryNotFoundError, HfHubHTTPError, OSError) as error:
            # Without a connection the hub only says that an error happened; the error itself is behind it.
            cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
            reason = " ".join(str(cause).split())[:200]
            raise CheckpointError(
                f"{self.repository}/{self.filename}: not on this machine and cannot be fetched ({reason}); "
                f"with a connection: {self.command}"
            ) from error
        if self.sha256 is not None and file_checksum(path) != self.sha256:
            raise CheckpointError(f"{path}: SHA-256 is not {self.sha256}; delete the file and run: {self.command}")
        return path


PUBLISHED: dict[str, HubFile] = {
    # Commit and hash are not known yet: with a connection `scripts/check_published_weights.py` prints both, to be put
    # here and into `baselines/music2latent.yaml`.
    "music2latent": HubFile("SonyCSLParis/music2latent", "music2latent.pt", "main", None, "official"),
}
