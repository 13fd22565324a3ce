"""The page's folder: what is in it, in which order it is written, and what is taken away again.

    index.html, page.css, *.js    the page, the same for every collection
    data.js                       clips, systems, metrics, gains
    audio/, pictures/             a file a piece of audio, loaded when it is wanted

`data.js` is written last: until then a page that was there before goes on working.
"""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.engine import default_jobs, map_unordered
from m2l_bench.errors import BadClip, UserError
from m2l_bench.listen.gather import Collection, ListeningClip
from m2l_bench.listen.loudness import matching_gains
from m2l_bench.listen.stimulus import AUDIO, ID, PICTURES, ClipStimuli, Stimulus, prepare
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.files import explain_write_errors, write_atomically

TEMPLATES = Path(__file__).resolve().parent / "page"


@dataclass(frozen=True)
class Page:
    """A page that was written."""

    path: Path
    clips: int
    megabytes: float
    left_out: dict[str, str]
    """Clips whose audio could not be read, and why."""


def write_page(
    collection: Collection,
    out: Path,
    title: str,
    longest_seconds: float,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Page:
    """Write the page, or bring it up to date: pieces that are there already are not made again.

    Args:
        jobs: worker processes; 0: one a core.

    Raises:
        UserError: the folder holds something else, nothing can be written, or no clip can be read.
    """
    _open(out)
    stimuli: dict[str, ClipStimuli] = {}
    left_out: dict[str, str] = {}
    tasks = ((clip, out, longest_seconds) for clip in collection.clips)
    with explain_write_errors(out), (progress or Quiet()).start("listening page", len(collection.clips), 0) as advance:
        for id, made in map_unordered(_prepared, tasks, jobs or default_jobs()):
            if isinstance(made, str):
                left_out[id] = made
            else:
                stimuli[id] = made
            advance()
        if not stimuli:
            raise UserError(f"none of the clips can be read: {next(iter(left_out.values()))}")
        _write_static(out, title)
        clips = [
            _clip_data(clip, stimuli[clip.clip.id], collection) for clip in collection.clips if clip.clip.id in stimuli
        ]
        write_atomically(out / "data.js", _script(_page_data(collection, title, clips)))
        _remove_unused(out, {piece.id for made in stimuli.values() for piece in (made.original, *made.made.values())})
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Page(out / "index.html", len(clips), size / 1e6, left_out)


def _prepared(clip: ListeningClip, out: Path, longest_seconds: float) -> tuple[str, ClipStimuli | str]:
    """Runs in a worker. Audio that cannot be read is this clip's failure, not the page's."""
    try:
        return clip.clip.id, prepare(clip, out, longest_seconds)
    except BadClip as error:
        return clip.clip.id, str(error)


def _open(out: Path) -> None:
    """Make the folder, or see that it is a page's."""
    folders = [out / AUDIO, out / PICTURES]
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or all(folder.is_dir() for folder in folders))):
        raise UserError(f"{out}: there is something else already; name a new folder with -o")
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror or error})") from error


def _remove_unused(out: Path, ids: set[str]) -> None:
    """Take away pieces of an earlier page that this one does not have."""
    for path in [*(out / AUDIO).iterdir(), *(out / PICTURES).iterdir()]:
        if re.fullmatch(ID, path.stem) and path.stem not in ids:
            path.unlink()


def _write_static(out: Path, title: str) -> None:
    for path in TEMPLATES.iterdir():
        if path.name == "page.html":
            page = path.read_text(encoding="utf-8").replace("{{title}}", html.escape(title))
            write_atomically(out / "index.html", page.encode())
        elif path.suffix in (".css", ".js"):
            write_atomically(out / path.name, path.read_bytes())


def _page_data(collection: Collection, title: str, clips: list[dict[str, Any]]) -> dict[str, Any]:
    cards = [(run, run.manifest.card) for run in collection.systems]
    return {
        "title": title,
        "dataset": collection.dataset,
        "systems": [
            {"name": run.name, "title": run.title}
            | card.model_dump(include={"kind", "description", "citation", "source"})
            for run, card in cards
        ],
        "metrics": [
            {
                "name": metric.name,
                "title": metric.title,
                "unit": metric.unit,
                "decimals": metric.decimals,
                "higherIsBetter": metric.higher_is_better,
            }
            for metric in collection.metrics
        ],
        "clips": clips,
    }


def _clip_data(clip: ListeningClip, stimuli: ClipStimuli, collection: Collection) -> dict[str, Any]:
    """What the page knows of a clip. Gains are in dB, `headroom` is added to all of them."""
    gains, headroom = matching_gains(stimuli.original.level, {name: made.level for name, made in stimuli.made.items()})
    return {
        "id": clip.clip.id,
        "caption": clip.caption,
        "seconds": round(stimuli.seconds, 3),
        "headroom": round(headroom, 2),
        "original": _piece(stimuli.original, 0.0 if stimuli.original.level.lufs is not None else None),
        "made": {
            name: _piece(stimulus, gains[name]) | {"values": _values(clip, name, collection)}
            for name, stimulus in stimuli.made.items()
        },
    }


def _piece(stimulus: Stimulus, gain: float | None) -> dict[str, Any]:
    return {"audio": stimulus.id, "gain": None if gain is None else round(gain, 2)}


def _values(clip: ListeningClip, system: str, collection: Collection) -> list[float | None]:
    """In the order of the page's metrics, with a digit more than is shown."""
    values = [clip.values[system].get(metric.name) for metric in collection.metrics]
    return [
        None if value is None or math.isnan(value) else round(value, metric.decimals + 1)
        for value, metric in zip(values, collection.metrics, strict=True)
    ]


def _script(data: dict[str, Any]) -> bytes:
    """The data as a script. Infinity is a value there; `<` is escaped, so that it may stand inside HTML, too."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"const DATA = {text};\n".encode()
