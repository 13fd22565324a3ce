"""Upload of a submission to a dataset on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.music2latent import hub
from m2l_bench.music2latent.errors import CheckpointError


def push_submission(folder: Path, repository: str) -> str:
    """Upload all files of a submission in one commit, and return the address of the commit.

    Args:
        repository: `owner/name` of a dataset; it is created if it does not exist.

    Raises:
        UserError: the hub cannot be reached, or refuses it.
    """
    try:
        return hub.upload(folder, repository, commit_message="Submission of m2l-bench", kind="dataset")
    except CheckpointError as error:
        raise UserError(str(error)) from error
