"""The page's folder: its files, the order in which they are written, and the removal of old ones.

    index.html, page.css, *.js    the page, the same for every collection
    data.js                       clips, systems, metrics, gains
    audio/, pictures/             one file per piece of audio, loaded when the page needs it

`data.js` is written last: until then an earlier page in the same folder still works.
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
    """Clips whose audio could not be read, with the reasons."""


def write_page(
    collection: Collection,
    out: Path,
    title: str,
    longest_seconds: float,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Page:
    """Write the page, or update it: pieces that exist are not written again.

    Args:
        out: folder of the page.
        longest_seconds: longer clips are cut to this length.
        jobs: worker processes; 0: one per core.

    Raises:
        UserError: the folder holds something else or cannot be written, or no clip can be read.
    """
    _make_folder(out)
    stimuli: dict[str, ClipStimuli] = {}
    left_out: dict[str, str] = {}
    tasks = ((clip, out, longest_seconds) for clip in collection.clips)
    with explain_write_errors(out), (progress or Quiet()).start("listening page", len(collection.clips), 0) as advance:
        for id, result in map_unordered(_prepare_clip, tasks, jobs or default_jobs()):
            if isinstance(result, str):
                left_out[id] = result
            else:
                stimuli[id] = result
            advance()
        if not stimuli:
            raise UserError(f"none of the clips can be read: {next(iter(left_out.values()))}")
        _write_static(out, title)
        clips = [
            _clip_data(clip, stimuli[clip.clip.id], collection) for clip in collection.clips if clip.clip.id in stimuli
        ]
        write_atomically(out / "data.js", _script(_page_data(collection, title, clips)))
        pieces = [piece for clip in stimuli.values() for piece in (clip.original, *clip.reconstructions.values())]
        _remove_unused(out, {piece.id for piece in pieces})
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Page(out / "index.html", len(clips), size / 1e6, left_out)


def _prepare_clip(clip: ListeningClip, out: Path, longest_seconds: float) -> tuple[str, ClipStimuli | str]:
    """Prepare a clip in a worker; return its id and its pieces, or the reason why its audio cannot be read."""
    try:
        return clip.clip.id, prepare(clip, out, longest_seconds)
    except BadClip as error:
        return clip.clip.id, str(error)


def _make_folder(out: Path) -> None:
    """Make the folder, or check that it is empty or holds a page.

    Raises:
        UserError: it holds something else, or cannot be written.
    """
    folders = [out / AUDIO, out / PICTURES]
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or all(folder.is_dir() for folder in folders))):
        raise UserError(f"{out}: there is something else already; name a new folder with -o")
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror or error})") from error


def _remove_unused(out: Path, ids: set[str]) -> None:
    """Remove pieces of an earlier page that are not in `ids`."""
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
    """Data of a clip for the page. Gains are in dB; the page adds `headroom` to all of them."""
    levels = {name: stimulus.level for name, stimulus in stimuli.reconstructions.items()}
    gains, headroom = matching_gains(stimuli.original.level, levels)
    return {
        "id": clip.clip.id,
        "caption": clip.caption,
        "seconds": round(stimuli.seconds, 3),
        "headroom": round(headroom, 2),
        "original": _piece(stimuli.original, 0.0 if stimuli.original.level.lufs is not None else None),
        "made": {
            name: _piece(stimulus, gains[name]) | {"values": _values(clip, name, collection)}
            for name, stimulus in stimuli.reconstructions.items()
        },
    }


def _piece(stimulus: Stimulus, gain: float | None) -> dict[str, Any]:
    return {"audio": stimulus.id, "gain": None if gain is None else round(gain, 2)}


def _values(clip: ListeningClip, system: str, collection: Collection) -> list[float | None]:
    """A system's values on a clip in the order of the page's metrics, with one digit more than is shown."""
    values = [clip.values[system].get(metric.name) for metric in collection.metrics]
    return [
        None if value is None or math.isnan(value) else round(value, metric.decimals + 1)
        for value, metric in zip(values, collection.metrics, strict=True)
    ]


def _script(data: dict[str, Any]) -> bytes:
    """Write the data as a script. JavaScript knows Infinity; `<` is escaped, so the script is safe inside HTML too."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"const DATA = {text};\n".encode()
