"""The page's folder: its files, the order in which they are written, and the removal of old ones.

    index.html, *.css, *.js       the page, the same for every collection
    data.js                       clips, systems, metrics, gains
    overview.png                  the picture that a preview of a link to the page shows
    audio/, pictures/             files of the pieces of audio, loaded when the page needs them
    .finished.jsonl               clips whose pieces are written, one line each

A line is added to `.finished.jsonl` when a clip is finished: after a run that was interrupted, even killed, the next
run does not read that clip's audio again. `data.js` is written last: until then an earlier page in the same folder
still works.
"""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m2l_bench.engine import Engine
from m2l_bench.errors import BadClip, UserError
from m2l_bench.listen import picture
from m2l_bench.listen.content import Collection, ListeningClip, ShownSystem
from m2l_bench.listen.loudness import matching_gains
from m2l_bench.listen.stimulus import AUDIO, ID, PICTURES, ClipStimuli, Stimulus, fingerprint, prepare
from m2l_bench.metrics.base import Description
from m2l_bench.plots import design, overview, style
from m2l_bench.plots.design import DIFFERENCES, LEVELS
from m2l_bench.plots.explanations import explanation
from m2l_bench.plots.marks import svg_path
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.text import counted

FINISHED = ".finished.jsonl"
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
    engine: Engine,
    progress: Progress | None = None,
) -> Page:
    """Write the page, or update it: pieces that exist are not written again.

    Args:
        out: folder of the page.
        longest_seconds: longer clips are cut to this length.
        engine: where clips are prepared; the folder must be the same there.

    Raises:
        UserError: the folder holds something else or cannot be written, or no clip can be read.
    """
    _make_folder(out)
    fingerprints = {clip.clip.id: fingerprint(clip, longest_seconds) for clip in collection.clips}
    stimuli = _finished_before(out, fingerprints)
    left_out: dict[str, str] = {}
    tasks = [
        (clip, out, longest_seconds, collection.reference.corresponds)
        for clip in collection.clips
        if clip.clip.id not in stimuli
    ]
    bar = (progress or Quiet()).start("listening page", len(collection.clips), len(stimuli))
    with explain_write_errors(out), bar as advance:
        lines = [_finished_line(id, fingerprints[id], clip) for id, clip in stimuli.items()]
        write_atomically(out / FINISHED, "".join(lines).encode())
        with (out / FINISHED).open("a", encoding="utf-8") as finished:
            for id, result in engine.map(_prepare_clip, tasks):
                if isinstance(result, str):
                    left_out[id] = result
                else:
                    stimuli[id] = result
                    finished.write(_finished_line(id, fingerprints[id], result))
                    finished.flush()
                advance()
        if not stimuli:
            raise UserError(f"none of the clips can be read: {next(iter(left_out.values()))}")
        _write_static(out, title, collection)
        clips = [
            _clip_data(clip, stimuli[clip.clip.id], collection) for clip in collection.clips if clip.clip.id in stimuli
        ]
        write_atomically(out / "data.js", _script(_page_data(collection, title, clips)))
        _remove_unused(out / AUDIO, {id for clip in stimuli.values() for id in clip.audio})
        _remove_unused(out / PICTURES, {id for clip in stimuli.values() for id in clip.pictures})
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Page(out / "index.html", len(clips), size / 1e6, left_out)


def _prepare_clip(
    clip: ListeningClip, out: Path, longest_seconds: float, differences: bool
) -> tuple[str, ClipStimuli | str]:
    """Prepare a clip in a worker; return its id and its pieces, or the reason why its audio cannot be read.

    Raises:
        UserError: a piece cannot be written.
    """
    try:
        with explain_write_errors(out):
            return clip.clip.id, prepare(clip, out, longest_seconds, differences)
    except BadClip as error:
        return clip.clip.id, str(error)


def _finished_before(out: Path, fingerprints: dict[str, str]) -> dict[str, ClipStimuli]:
    """Read which clips an earlier run finished, of files that are the same now and into pieces that are all there."""
    try:
        lines = (out / FINISHED).read_bytes().splitlines()
    except OSError:
        return {}
    audio, pictures = ({path.stem for path in (out / folder).iterdir()} for folder in (AUDIO, PICTURES))
    finished = {}
    for line in lines:
        try:
            content = json.loads(line)
            id, clip = content["clip"], ClipStimuli.from_json(content["stimuli"])
            same = content["fingerprint"] == fingerprints.get(id)
        except (ValueError, KeyError, TypeError):  # the incomplete last line of a killed run
            continue
        if same and clip.audio <= audio and clip.pictures <= pictures:
            finished[id] = clip
    return finished


def _finished_line(id: str, fingerprint: str, clip: ClipStimuli) -> str:
    return json.dumps({"clip": id, "fingerprint": fingerprint, "stimuli": asdict(clip)}) + "\n"


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


def _remove_unused(folder: Path, ids: set[str]) -> None:
    """Remove files of an earlier page that are not in `ids`, and files that a killed run left half written."""
    for path in folder.iterdir():
        if re.fullmatch(rf"{ID}|\.{ID}(\.\d+)?\.part", path.stem) and path.stem not in ids:
            path.unlink()


def _write_static(out: Path, title: str, collection: Collection) -> None:
    corresponds = collection.reference.corresponds
    systems = counted(len(collection.systems), "system" if corresponds else "set")
    beside = "the originals" if corresponds else collection.reference.title.lower()
    description = f"{systems}, {counted(len(collection.clips), 'clip')}: hear them beside {beside}"
    for path in TEMPLATES.iterdir():
        if path.name == "page.html":
            page = path.read_text(encoding="utf-8")
            for name, text in (("title", title), ("description", description)):
                page = page.replace("{{" + name + "}}", html.escape(text))
            write_atomically(out / "index.html", page.encode())
        elif path.suffix in (".css", ".js"):
            write_atomically(out / path.name, path.read_bytes())
    write_atomically(out / "design.css", design.css().encode())
    metrics = [figure.metric for figure in collection.figures]
    preview = overview.figure(collection.systems, metrics, title, description)
    write_atomically(out / "overview.png", style.to_png(preview, dots_per_inch=200))


def _page_data(collection: Collection, title: str, clips: list[dict[str, Any]]) -> dict[str, Any]:
    ids = {clip["id"] for clip in clips}
    ranked = [id for id in collection.ranking if id in ids]
    return {
        "title": title,
        "dataset": collection.dataset,
        "reference": asdict(collection.reference),
        "systems": [_system_data(system, collection) for system in collection.systems],
        "figures": [_metric_data(figure.metric, figure.explanation) for figure in collection.figures],
        "metrics": [_metric_data(metric, explanation(metric.name)) for metric in collection.metrics],
        "median": ranked[len(ranked) // 2] if ranked else None,
        "scales": {"levels": picture.scale(LEVELS), "difference": picture.scale(DIFFERENCES)},
        "clips": clips,
    }


def _system_data(system: ShownSystem, collection: Collection) -> dict[str, Any]:
    return {
        "name": system.name,
        "title": system.title,
        "clips": system.clips,
        "colour": system.look.colour,
        "mark": svg_path(system.look),
        "kilobits": _finite(system.kilobits),
        "figures": [_figure(system, figure.metric) for figure in collection.figures],
        "kind": system.kind,
        "description": system.description,
        "citation": system.citation,
        "source": system.source,
    }


def _metric_data(metric: Description, text: str) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": metric.title,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "higherIsBetter": metric.higher_is_better,
        "zeroIsBest": metric.zero_is_best,
        "explanation": text,
    }


def _figure(system: ShownSystem, metric: Description) -> list[float | None] | None:
    """Value over all clips, low and high end of its interval; None where it was not measured."""
    value, low, high = system.figures[metric.name]
    return None if math.isnan(value) else [value, _finite(low), _finite(high)]


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


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
    piece = {"audio": stimulus.id, "gain": None if gain is None else round(gain, 2)}
    return piece | ({"difference": stimulus.difference} if stimulus.difference else {})


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
