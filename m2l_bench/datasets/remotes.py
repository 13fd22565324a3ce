"""Download of the recorded datasets into the layout that their loaders read.

Addresses and MD5 sums of TinySOL and Beatport are those of mirdata 1.0.0; addresses of MagnaTagATune are those of
mir_ref. No sums are published for MagnaTagATune, but its zip holds a checksum of each file, and the loader checks its
arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from m2l_bench.datasets.archives import extract
from m2l_bench.datasets.places import command_for, filling
from m2l_bench.progress import Progress
from m2l_bench.weights.download import download

ZENODO = "https://zenodo.org/record"
CITY = "https://mirg.city.ac.uk/datasets/magnatagatune"
WON = "https://github.com/minzwon/sota-music-tagging-models/raw/master/split/mtat"
UNPACKED = ".unpacked"
"""Name of a file in the dataset's folder that lists, one per line, the archives that were unpacked completely."""
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Remote:
    """A file on the web, or an archive in one or several parts.

    Attributes:
        urls: the address of each part.
        into: the target folder, below the dataset's folder.
        md5: the MD5 sum; empty where none is published.
        archive: whether it is unpacked.
    """

    urls: tuple[str, ...]
    into: str
    md5: str = ""
    archive: bool = False

    @property
    def names(self) -> list[str]:
        """File names of the parts."""
        return [urlsplit(url).path.rpartition("/")[2] for url in self.urls]


TINYSOL = f"{ZENODO}/3685367/files"
BEATPORT = f"{ZENODO}/1101082/files"
REMOTES: Mapping[str, Sequence[Remote]] = {
    "tinysol": (
        Remote((f"{TINYSOL}/TinySOL_metadata.csv?download=1",), "annotation", "a86c9bb115f69e61f2f25872e397fc4a"),
        Remote((f"{TINYSOL}/TinySOL.tar.gz?download=1",), "audio", "36030a7fe389da86c3419e5ee48e3b7f", archive=True),
    ),
    "beatport_key": (
        Remote((f"{BEATPORT}/keys.zip?download=1",), "", "939abc05f36121badfac4087241ac172", archive=True),
        Remote((f"{BEATPORT}/original_metadata.zip?download=1",), "", "bb3e3ac1fe5dee7600ef2814accdf8f8", archive=True),
        Remote((f"{BEATPORT}/audio.zip?download=1",), "", "f490ee6c23578482d6fcfa11b82636a1", archive=True),
    ),
    "magnatagatune": (
        Remote((f"{CITY}/annotations_final.csv",), "metadata"),
        *(Remote((f"{WON}/{name}.npy",), "metadata") for name in ("train", "valid", "test", "tags")),
        Remote(tuple(f"{CITY}/mp3.zip.00{i}" for i in (1, 2, 3)), "audio", archive=True),
    ),
}


def get(name: str, folder: Path, progress: Progress, remotes: Sequence[Remote] | None = None) -> dict[str, int]:
    """Download and unpack what is missing; archives are deleted after they are unpacked. A second call continues.

    Args:
        name: name of the dataset.
        folder: the dataset's folder.
        remotes: the files to get; None: those in `REMOTES`.

    Returns:
        Counts: remotes, fetched (in this call).

    Raises:
        UserError: see `download`, `extract` and `filling`.
    """
    missing = [remote for remote in remotes or REMOTES[name] if not _is_complete(remote, folder)]
    if missing:
        with filling(folder, command_for(name, folder)):
            for remote in missing:
                _get_remote(remote, folder, progress)
    return {"remotes": len(remotes or REMOTES[name]), "fetched": len(missing)}


def _is_complete(remote: Remote, folder: Path) -> bool:
    if remote.archive:
        record = folder / UNPACKED
        return record.is_file() and remote.names[0] in record.read_text(encoding="utf-8").splitlines()
    return (folder / remote.into / remote.names[0]).is_file()


def _get_remote(remote: Remote, folder: Path, progress: Progress) -> None:
    target = folder / ".downloads" if remote.archive else folder / remote.into
    parts = [target / name for name in remote.names]
    for url, part in zip(remote.urls, parts, strict=True):
        if not part.is_file():
            with ExitStack() as stack:
                on_bytes = _megabyte_progress(f"{part.name} (MB)", stack, progress)
                download(url, part, remote.md5, "md5", on_bytes=on_bytes)
    if remote.archive:
        extract(parts, folder / remote.into)
        with (folder / UNPACKED).open("a", encoding="utf-8") as record:
            record.write(f"{remote.names[0]}\n")
        for part in parts:
            part.unlink()
        target.rmdir()


def _megabyte_progress(label: str, stack: ExitStack, progress: Progress) -> Callable[[int, int | None], None]:
    """Make a callback that shows a download in megabytes; the progress starts with the first bytes."""
    advance: list[Callable[[], None]] = []
    shown = 0

    def on_bytes(received: int, total: int | None) -> None:
        nonlocal shown
        if not advance:
            shown = received // MEGABYTE
            advance.append(stack.enter_context(progress.start(label, (total or received) // MEGABYTE, shown)))
        while shown < received // MEGABYTE:
            advance[0]()
            shown += 1

    return on_bytes
