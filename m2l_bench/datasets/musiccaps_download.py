"""Fetches MusicCaps' sections from YouTube with yt-dlp, resumes, and records what is gone."""

from __future__ import annotations

import csv
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from m2l_bench.audio import EXTENSIONS
from m2l_bench.datasets.musiccaps import CSV_NAME, read_list
from m2l_bench.errors import UserError
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
"""What yt-dlp says of a video that another attempt will not bring back; other failures are tried again next time."""
PATIENCE = 5
"""Failures in a row that are not the videos' fault, after which asking on only makes it worse."""


def download(
    folder: Path, list_path: Path | None, limit: int | None, retry_gone: bool, progress: Progress
) -> dict[str, Any]:
    """Bring what is missing into `folder` as `<ytid>.wav`, already cut to its section.

    Returns:
        counts: listed, present, fetched (now), gone.

    Raises:
        UserError: yt-dlp or ffmpeg is not installed, the list cannot be had, the folder cannot be written, or YouTube
            refuses several clips in a row for a reason that is not the clips'.
    """
    for program, command in (("yt-dlp", "pip install 'm2l-bench[youtube]'"), ("ffmpeg", "install ffmpeg")):
        if shutil.which(program) is None:
            raise UserError(f"{program} is needed to fetch MusicCaps and is not on the PATH: {command}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    rows = read_list(_list_in(folder, list_path))[:limit]
    present = {path.stem for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS}
    gone = {} if retry_gone else _read_gone(folder)
    wanted = [row for row in rows if row["ytid"] not in present and row["ytid"] not in gone]
    fetched = refused = 0
    with progress.start("musiccaps", len(rows), len(rows) - len(wanted)) as advance:
        for row in wanted:
            reason = _fetch(folder, row)
            if not reason:
                fetched, refused = fetched + 1, 0
            elif any(sign in reason.lower() for sign in GONE_SIGNS):
                _record_gone(folder, row["ytid"], reason)
                gone[row["ytid"]], refused = reason, 0
            else:
                refused += 1
                if refused == PATIENCE:
                    raise UserError(f"yt-dlp failed {PATIENCE} times in a row ({reason}); run the command again later")
            advance()
    ids = {row["ytid"] for row in rows}
    return {
        "listed": len(rows),
        "present": len(ids & present) + fetched,
        "fetched": fetched,
        "gone": len(ids & gone.keys()),
    }


def _list_in(folder: Path, list_path: Path | None) -> Path:
    """The list beside the audio, where the loader looks for it: copied from `list_path` or fetched from the hub."""
    target = folder / CSV_NAME
    if list_path is None and target.is_file():
        return target
    if list_path is None:
        from huggingface_hub import hf_hub_download

        try:
            list_path = Path(hf_hub_download(HUB_REPOSITORY, CSV_NAME, repo_type="dataset"))
        except Exception as error:
            raise UserError(
                f"cannot fetch {CSV_NAME} from the hub ({one_line(error)}); "
                f"get it from https://huggingface.co/datasets/{HUB_REPOSITORY} and give it with --csv"
            ) from error
    read_list(list_path)
    if list_path.resolve() != target.resolve():
        shutil.copyfile(list_path, target)
    return target


def _fetch(folder: Path, row: dict[str, str]) -> str:
    """Fetch one section; returns why that failed, empty when it did not."""
    ytid, partial = row["ytid"], folder / f".partial-{row['ytid']}"
    command = [
        "yt-dlp", "--quiet", "--no-warnings", "--no-progress", "--no-playlist",
        "--format", "bestaudio/best", "--extract-audio", "--audio-format", "wav",
        "--download-sections", f"*{row['start_s']}-{row['end_s']}", "--force-keyframes-at-cuts",
        "--output", f"{partial}.%(ext)s", "--", f"https://www.youtube.com/watch?v={ytid}",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    made = Path(f"{partial}.wav")
    if result.returncode == 0 and made.is_file():
        made.replace(folder / f"{ytid}.wav")
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
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["ytid", "reason", "date"])
        writer.writerow([ytid, " ".join(reason.split()), date.today().isoformat()])
