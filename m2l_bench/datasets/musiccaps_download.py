"""Download of MusicCaps' sections from YouTube with yt-dlp, which can be resumed and records what is gone."""

from __future__ import annotations

import csv
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from m2l_bench.audio.listing import list_audio
from m2l_bench.datasets.musiccaps import CSV_NAME, read_list
from m2l_bench.errors import UserError
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.hub import HubFile
from m2l_bench.progress import Progress
from m2l_bench.text import one_line

HUB_REPOSITORY = "google/MusicCaps"
GONE_SIGNS = (
    "video unavailable",
    "private video",
    "video has been removed",
    "no longer available",
    "account associated with this video",
    "not available in your country",
    "video is not available",
    "copyright",
)
"""Parts of yt-dlp's messages about videos that are gone for good; after any other failure the next run tries again."""
PATIENCE = 5
"""Number of failures in a row, for reasons other than gone videos, after which the download stops."""


def download(
    folder: Path, list_path: Path | None, limit: int | None, retry_gone: bool, progress: Progress
) -> dict[str, Any]:
    """Download what is missing into `folder` as `<ytid>.wav`, cut to its section.

    Args:
        list_path: Google's CSV; None: the one in `folder`, or the one on the hub.
        limit: number of rows of the list to use; None: all.
        retry_gone: whether to try videos again that were gone in an earlier run.

    Returns:
        Counts: listed, present, fetched (in this call), gone.

    Raises:
        UserError: yt-dlp or ffmpeg is not installed, the list is not available, the folder cannot be written, or
            several downloads in a row fail for reasons other than gone videos.
    """
    for program, command in (("yt-dlp", "pip install 'm2l-bench[youtube]'"), ("ffmpeg", "install ffmpeg")):
        if shutil.which(program) is None:
            raise UserError(f"{program} is needed to fetch MusicCaps and is not on the PATH: {command}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    rows = read_list(_copy_list(folder, list_path))[:limit]
    present = {path.stem for path in list_audio(folder).files}
    gone = {} if retry_gone else _read_gone(folder)
    missing = [row for row in rows if row["ytid"] not in present and row["ytid"] not in gone]
    fetched = failures = 0
    with progress.start("musiccaps", len(rows), len(rows) - len(missing)) as advance:
        for row in missing:
            reason = _fetch(folder, row)
            if not reason:
                fetched, failures = fetched + 1, 0
            elif any(sign in reason.lower() for sign in GONE_SIGNS):
                _record_gone(folder, row["ytid"], reason)
                gone[row["ytid"]], failures = reason, 0
            else:
                failures += 1
                if failures == PATIENCE:
                    raise UserError(f"yt-dlp failed {PATIENCE} times in a row ({reason}); run the command again later")
            advance()
    ids = {row["ytid"] for row in rows}
    return {
        "listed": len(rows),
        "present": len(ids & present) + fetched,
        "fetched": fetched,
        "gone": len(ids & gone.keys()),
    }


def _copy_list(folder: Path, list_path: Path | None) -> Path:
    """Put the list beside the audio, where the loader looks for it: a copy of `list_path` or of the hub's file."""
    target = folder / CSV_NAME
    if list_path is None and target.is_file():
        return target
    if list_path is None:
        try:
            list_path = HubFile(HUB_REPOSITORY, CSV_NAME, "main", None, kind="dataset").download()
        except CheckpointError as error:
            raise UserError(
                f"cannot fetch {CSV_NAME} from the hub ({one_line(error)}); "
                f"get it from https://huggingface.co/datasets/{HUB_REPOSITORY} and pass it with --csv"
            ) from error
    read_list(list_path)
    if list_path.resolve() != target.resolve():
        shutil.copyfile(list_path, target)
    return target


def _fetch(folder: Path, row: dict[str, str]) -> str:
    """Fetch one section; return the reason of a failure, or an empty string."""
    ytid, partial = row["ytid"], folder / f".partial-{row['ytid']}"
    command = [
        "yt-dlp", "--quiet", "--no-warnings", "--no-progress", "--no-playlist",
        "--format", "bestaudio/best", "--extract-audio", "--audio-format", "wav",
        "--download-sections", f"*{row['start_s']}-{row['end_s']}", "--force-keyframes-at-cuts",
        "--output", f"{partial}.%(ext)s", "--", f"https://www.youtube.com/watch?v={ytid}",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    section = Path(f"{partial}.wav")
    if result.returncode == 0 and section.is_file():
        section.replace(folder / f"{ytid}.wav")
        return ""
    for leftover in folder.glob(f"{partial.name}.*"):
        leftover.unlink()
    lines = [line for line in result.stderr.splitlines() if line.strip()] or [f"exit code {result.returncode}"]
    return lines[-1].removeprefix("ERROR: ")


def _read_gone(folder: Path) -> dict[str, str]:
    path = folder / "gone.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["ytid"]: row["reason"] for row in csv.DictReader(file)}


def _record_gone(folder: Path, ytid: str, reason: str) -> None:
    path = folder / "gone.csv"
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["ytid", "reason", "date"])
        writer.writerow([ytid, " ".join(reason.split()), date.today().isoformat()])
