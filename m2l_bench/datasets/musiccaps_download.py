"""Download of MusicCaps' sections from YouTube with yt-dlp, which can be resumed and records what is gone."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from m2l_bench.audio.listing import list_audio
from m2l_bench.datasets.musiccaps import CSV_NAME, read_list
from m2l_bench.errors import UserError
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.files import write_atomically
from m2l_bench.music2latent.hub import HubFile
from m2l_bench.progress import Progress
from m2l_bench.text import one_line, spreadsheet_text, spreadsheet_value

GONE_CSV = "gone.csv"
HUB_REPOSITORY = "google/MusicCaps"
RATE_LIMIT = re.compile("not a bot|http error 429|too many requests|rate.?limit|try again later")
"""What yt-dlp says when YouTube refuses this machine for a while, and not the video."""
GONE = {
    "age-restricted": re.compile("confirm your age|age.restricted|inappropriate for some users"),
    "for members only": re.compile("members.only|channel's members|join this channel"),
    "for Premium only": re.compile("premium"),
    "to be paid for": re.compile("requires payment|rent or buy|rental"),
    "blocked in this country": re.compile("in your country|in your location|geo.?restrict|from your location"),
    "private": re.compile("private"),
    "removed": re.compile(
        "removed|terminated|no longer available|account associated with this video|copyright|deleted|does not exist"
    ),
    "unavailable": re.compile("video unavailable|video is not available|video is unavailable"),
}
"""Why a video cannot be had, by what yt-dlp says; the first that fits. After anything else the next run tries again."""
PATIENCE = 5
"""Number of failures in a row, of videos that are not gone, after which the download stops."""


def download(
    folder: Path, list_path: Path | None, limit: int | None, retry_gone: bool, progress: Progress, cookies: Path | None
) -> dict[str, Any]:
    """Download what is missing into `folder` as `<ytid>.wav`, cut to its section.

    Args:
        list_path: Google's CSV; None: the one in `folder`, or the one on the hub.
        limit: number of rows of the list to use; None: all.
        retry_gone: whether to try videos again that were gone in an earlier run.
        cookies: a file of cookies for yt-dlp, of an account that may see more; None: none.

    Returns:
        Counts: listed, present, fetched (in this call), gone, gone_because (by reason), failed (to be tried again), and
        the last failure's reason.

    Raises:
        UserError: yt-dlp or ffmpeg is not installed, the list is not available, the folder cannot be written, YouTube
            limits this machine's requests, or several downloads in a row fail for reasons other than gone videos.
    """
    for program, command in (("yt-dlp", "pip install 'm2l-bench[youtube]'"), ("ffmpeg", "install ffmpeg")):
        if shutil.which(program) is None:
            raise UserError(f"{program} is needed to fetch MusicCaps and is not on the PATH: {command}")
    if cookies is not None and not cookies.is_file():
        raise UserError(f"--cookies {cookies}: no such file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    rows = read_list(_copy_list(folder, list_path))[:limit]
    present = {path.stem for path in list_audio(folder).files}
    gone = _read_gone(folder)
    missing = [row for row in rows if row["ytid"] not in present and (retry_gone or row["ytid"] not in gone)]
    failed, in_a_row, last_failure, new = 0, 0, "", set()
    with progress.start("musiccaps", len(rows), len(rows) - len(missing)) as advance:
        for row in missing:
            ytid = row["ytid"]
            reason = _fetch(folder, row, cookies)
            if not reason:
                new.add(ytid)
                in_a_row = 0
                if gone.pop(ytid, None):
                    _write_gone(folder, gone)
            elif RATE_LIMIT.search(_plain(reason)):
                raise UserError(
                    f"YouTube refuses further requests for now ({reason}); what was fetched is kept: run the command "
                    "again in some hours, or with --cookies"
                )
            elif _why_gone(reason):
                gone[ytid] = {"ytid": ytid, "reason": reason, "date": date.today().isoformat()}
                _write_gone(folder, gone)
                in_a_row = 0
            else:
                failed, in_a_row, last_failure = failed + 1, in_a_row + 1, reason
                if in_a_row == PATIENCE:
                    raise UserError(f"yt-dlp failed {PATIENCE} times in a row ({reason}); run the command again later")
            advance()
    ids = {row["ytid"] for row in rows}
    because = Counter(_why_gone(gone[id]["reason"]) or "gone" for id in (ids & gone.keys()) - present - new)
    return {
        "listed": len(rows),
        "present": len(ids & (present | new)),
        "fetched": len(new),
        "gone": because.total(),
        "gone_because": dict(because.most_common()),
        "failed": failed,
        "last_failure": last_failure,
    }


def _why_gone(reason: str) -> str:
    """Tell in a word or two why a video cannot be had; empty where it may be had another time."""
    return next((why for why, signs in GONE.items() if signs.search(_plain(reason))), "")


def _plain(reason: str) -> str:
    return reason.lower().replace("\u2019", "'")


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


def _fetch(folder: Path, row: dict[str, str], cookies: Path | None) -> str:
    """Fetch one section; return the reason of a failure, or an empty string."""
    ytid, partial = row["ytid"], folder / f".partial-{row['ytid']}"
    command = [
        "yt-dlp", "--quiet", "--no-warnings", "--no-progress", "--no-playlist",
        "--format", "bestaudio/best", "--extract-audio", "--audio-format", "wav",
        "--download-sections", f"*{row['start_s']}-{row['end_s']}", "--force-keyframes-at-cuts",
        *(["--cookies", str(cookies)] if cookies else []),
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
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return " ".join(errors[-1].removeprefix("ERROR: ").split())


def _read_gone(folder: Path) -> dict[str, dict[str, str]]:
    """Read the rows of gone.csv by their id."""
    path = folder / GONE_CSV
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["ytid"]: {"ytid": row["ytid"], "reason": spreadsheet_value(row["reason"]), "date": row["date"]}
                for row in csv.DictReader(file)
            }
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise UserError(f"{path}: not readable as the list of gone videos ({one_line(error)}); delete it") from error


def _write_gone(folder: Path, gone: dict[str, dict[str, str]]) -> None:
    path = folder / GONE_CSV
    text = io.StringIO()
    writer = csv.DictWriter(text, ["ytid", "reason", "date"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "reason": spreadsheet_text(row["reason"])} for row in gone.values())
    try:
        write_atomically(path, text.getvalue().encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error
