"""Files on the Hugging Face hub, uploads to it, and the names of published weights.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are honoured by `huggingface_hub` itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hashes import file_checksum

TIMEOUT_SECONDS = 8
"""How long a server may take to accept a connection, and to send each next part of an answer."""
LIMIT_BYTES = 10 * 10**9
FILE_NAME = re.compile(r"[\w.+=-]*")
WEIGHTS = "model.safetensors"
"""The weights in a folder or repository that `save_pretrained` or `push_to_hub` wrote."""


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
    kind: str = "model"
    """Kind of the repository: model or dataset."""
    limit_bytes: int = LIMIT_BYTES
    """A larger file is refused."""
    token: str | bool | None = field(default=None, repr=False)
    """Access token; None: that of `hf auth login` or HF_TOKEN, if there is one."""

    def __str__(self) -> str:
        return f"{self.repository}/{self.filename}"

    @property
    def command(self) -> str:
        """The command that fetches the file into the hub's cache."""
        kind = "" if self.kind == "model" else f" --repo-type {self.kind}"
        return f"hf download {self.repository} {self.filename} --revision {self.revision}{kind}"

    def cached(self) -> Path | None:
        """Return the file's path if it is on this machine."""
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(self.repository, self.filename, revision=self.revision, repo_type=self.kind)
        return Path(path) if isinstance(path, str) and self._is_inside(Path(path), None) else None

    def download(self, folder: Path | None = None) -> Path:
        """Return the file's path, and fetch it first if it is not here, into `folder` or else the hub's cache.

        The hub is asked once. Where it does not answer, what is in the cache is used.

        Raises:
            CheckpointError: no connection and not in the cache, a licence not yet accepted, or a file with another
                hash.
        """
        from huggingface_hub.errors import GatedRepoError

        try:
            path = self._fetch(folder)
            if not self._is_inside(path, folder):
                raise CheckpointError(f"{path}: leads out of the hub's cache, to {path.resolve()}: delete it")
        except CheckpointError:
            raise
        except GatedRepoError as error:
            raise CheckpointError(
                f"{self}: only for those who have accepted its licence: do so at "
                f"https://huggingface.co/{self.repository}, then log in with `hf auth login` or set HF_TOKEN, and run "
                "it again"
            ) from error
        except Exception as error:  # of huggingface_hub, of the library it asks with, of the disk
            raise CheckpointError(
                f"{self}: not on this machine and cannot be fetched ({_reason(error)}); with a connection: "
                f"{self.command}"
            ) from error
        if self.sha256 is not None and file_checksum(path) != self.sha256:
            raise CheckpointError(f"{path}: SHA-256 is not {self.sha256}; delete the file and run: {self.command}")
        return path

    def _fetch(self, folder: Path | None) -> Path:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RevisionNotFoundError

        names: dict[str, Any] = {"repo_id": self.repository, "filename": self.filename, "repo_type": self.kind}
        token = self.token
        try:
            with _each_request_once():
                url = hf_hub_url(**names, revision=self.revision)
                size = get_hf_file_metadata(url, token=token, timeout=TIMEOUT_SECONDS).size
        except (CheckpointError, EntryNotFoundError, RevisionNotFoundError):
            raise
        except Exception as error:
            try:
                return Path(hf_hub_download(**names, revision=self.revision, local_dir=folder, local_files_only=True))
            except LocalEntryNotFoundError:
                raise error from None
        if (size or 0) > self.limit_bytes:
            raise CheckpointError(
                f"{self}: larger than expected: {(size or 0) / 1e6:,.1f} MB, at most {self.limit_bytes / 1e6:,.1f} MB "
                "are accepted"
            )
        with _each_request_once():
            return Path(hf_hub_download(**names, revision=self.revision, local_dir=folder, token=token))

    def _is_inside(self, path: Path, folder: Path | None) -> bool:
        """Whether a file is where it was asked for; the hub decides parts of its path. Folders may be links."""
        from huggingface_hub.constants import HF_HUB_CACHE

        cache = Path(HF_HUB_CACHE)
        repository = cache / f"{self.kind}s--{self.repository.replace('/', '--')}"
        folders = [folder] if folder is not None else [cache, repository, repository / "blobs"]
        return any(path.resolve().is_relative_to(parent.resolve()) for parent in folders)


def upload(
    folder: Path,
    repository: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    private: bool | None = None,
    commit_message: str,
    create_pr: bool = False,
    kind: str = "model",
) -> str:
    """Put all files of a folder into a repository, in one commit, and return the commit's address.

    The repository and the branch are created if they do not exist.

    Args:
        repository: `owner/name`, or a name of the user's own.
        revision: branch; default: `main`.
        create_pr: make a pull request, whose address is returned, instead of a commit to the branch.
        kind: kind of the repository: model or dataset.

    Raises:
        CheckpointError: the hub cannot be reached, or refuses it.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    try:
        repository = api.create_repo(repository, private=private, repo_type=kind, exist_ok=True).repo_id
        if revision is not None and not revision.startswith("refs/"):
            api.create_branch(repository, branch=revision, repo_type=kind, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            repo_type=kind,
            folder_path=folder,
            revision=revision,
            commit_message=commit_message,
            create_pr=create_pr,
        )
    except Exception as error:  # of huggingface_hub, of the library it asks with, of the disk
        raise CheckpointError(
            f"{repository}: not uploaded ({_reason(error)}); it needs a connection, and a token that may write there: "
            "`hf auth login`, or HF_TOKEN"
        ) from error
    return str(commit.pr_url or commit.commit_url)


@contextmanager
def _each_request_once() -> Iterator[None]:
    """Make huggingface_hub wait `TIMEOUT_SECONDS` for each answer, ask nothing twice and refuse names that are paths.

    By itself it repeats what fails for a minute and more, and writes where the ETag says. Releases before 1.0 use
    another library for requests, and are left as they are.
    """
    from huggingface_hub import get_session

    hooks: dict[str, list[Callable[[Any], None]]] | None = getattr(get_session(), "event_hooks", None)
    if hooks is None:
        yield
        return
    asked: set[tuple[str, str]] = set()

    def before(request: Any) -> None:
        question = (request.method, str(request.url))
        if question in asked:
            raise RuntimeError(f"{request.url.host} broke off or sent nothing for {TIMEOUT_SECONDS} s")
        if "/xet-read-token/" not in request.url.path:  # which is asked for again when it has expired
            asked.add(question)
        limits = request.extensions["timeout"]
        request.extensions["timeout"] = {what: min(limit or inf, TIMEOUT_SECONDS) for what, limit in limits.items()}

    def after(response: Any) -> None:
        if "X-Repo-Commit" not in response.headers:  # not the hub itself, whose answer alone names files
            return
        for header in ("ETag", "X-Linked-ETag", "X-Repo-Commit"):
            name = response.headers.get(header, "").removeprefix("W/").strip('"')
            if not FILE_NAME.fullmatch(name) or name == "..":
                raise CheckpointError(f"{response.request.url}: its {header} is a path, which is refused")

    messages = logging.getLogger("huggingface_hub")
    level = messages.level
    messages.setLevel(logging.ERROR)
    hooks["request"].append(before)
    hooks["response"].append(after)
    try:
        yield
    finally:
        hooks["request"].remove(before)
        hooks["response"].remove(after)
        messages.setLevel(level)


def _reason(error: BaseException) -> str:
    if "Timeout" in type(error).__name__:
        return f"no answer within {TIMEOUT_SECONDS} s"
    return " ".join(str(error).split())[:200] or type(error).__name__


PUBLISHED: dict[str, HubFile] = {
    # Commit and hash are not known yet: with a connection `scripts/check_published_weights.py` prints both, to be put
    # here and into `baselines/music2latent.yaml`.
    "music2latent": HubFile("SonyCSLParis/music2latent", "music2latent.pt", "main", None, "official"),
}
