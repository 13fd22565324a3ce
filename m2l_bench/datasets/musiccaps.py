"""MusicCaps (Agostinelli et al. 2023, arXiv:2301.11325): 5,521 ten-second sections of YouTube videos.

The audio is not distributed with the list. The loader takes Google's CSV (`musiccaps-public.csv` on the Hugging Face
hub, `google/MusicCaps`) and a directory of `<ytid>.wav|flac|mp3|opus|...`, which hold the sections or whole videos.
"""

from __future__ import annotations

import csv
from pathlib import Path

from m2l_bench import audio
from m2l_bench.audio.listing import list_audio
from m2l_bench.datasets.base import Clip, Dataset, loader
from m2l_bench.errors import BadClip, UserError

CSV_NAME = "musiccaps-public.csv"
COLUMNS = ("ytid", "start_s", "end_s")
SLACK_SECONDS = 1.0
"""Downloaded sections are cut at packet boundaries: a file whose length differs by at most this much is a section."""


def read_list(path: Path) -> list[dict[str, str]]:
    """Read the rows of Google's CSV, each id once.

    Raises:
        UserError: the file is missing or lacks one of the columns ytid, start_s, end_s.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as MusicCaps' CSV ({error})") from error
    absent = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if absent:
        raise UserError(f"{path}: not MusicCaps' CSV: column '{absent[0]}' is missing")
    unique: dict[str, dict[str, str]] = {}
    for row in rows:
        unique.setdefault(row["ytid"], row)
    return list(unique.values())


@loader(version="1")
def load(data: Path | None = None) -> Dataset:
    """Load the sections whose audio is in `data`; ids without audio become `missing`.

    Args:
        data: a directory that holds the audio and `musiccaps-public.csv`.

    Raises:
        UserError: no directory is given, it holds no CSV, or none of the listed ids has a file.
    """
    if data is None:
        raise UserError("the task 'musiccaps' needs its audio: --data DIR (`m2l-bench data musiccaps DIR` gets it)")
    csv_path = data / CSV_NAME
    if not csv_path.is_file():
        lists = sorted(data.glob("musiccaps*.csv"))
        if len(lists) != 1:
            raise UserError(f"{data}: put Google's {CSV_NAME} there (`m2l-bench data musiccaps {data}` gets it)")
        csv_path = lists[0]
    rows = read_list(csv_path)
    files = {path.stem: path for path in list_audio(data).files if path.parent == data}
    clips = tuple(_section(files[row["ytid"]], row) for row in rows if row["ytid"] in files)
    missing = tuple(row["ytid"] for row in rows if row["ytid"] not in files)
    if not clips:
        raise UserError(f"{data}: none of the {len(rows)} ids of {csv_path.name} has an audio file there")
    return Dataset(clips, label="musiccaps", missing=missing)


def _section(path: Path, row: dict[str, str]) -> Clip:
    """Locate the section in a file: all of a file that was cut, `start_s` to `end_s` of a whole video."""
    try:
        start, end = float(row["start_s"]), float(row["end_s"])
        length = audio.duration_seconds(path)
    except (BadClip, ValueError) as error:
        return Clip(row["ytid"], path, problem=str(error))
    caption = row.get("caption") or ""
    if abs(length - (end - start)) <= SLACK_SECONDS:
        return Clip(row["ytid"], path, caption=caption)
    if length >= end - SLACK_SECONDS:
        return Clip(row["ytid"], path, start, end - start, caption=caption)
    problem = (
        f"lasts {length:.1f} s: neither the {end - start:g} s section nor a video that holds {start:g} to {end:g} s"
    )
    return Clip(row["ytid"], path, problem=problem)
