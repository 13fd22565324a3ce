"""A MUSHRA test for webMUSHRA (Schoeffler et al. 2018, https://github.com/audiolabs/webMUSHRA), from the audio of runs.

    configs/<test>.yaml                    configuration, opened with ?config=<test>.yaml
    configs/resources/<test>/<id>.wav      pieces, 24 bits, named by their content

The folder is webMUSHRA's own, or is copied into it. Loudness is matched as on our page, in the files themselves, since
webMUSHRA plays files as they are. `answers` reads the `mushra.csv` that webMUSHRA writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.engine import Engine
from m2l_bench.errors import BadClip, UserError
from m2l_bench.listen import loudness
from m2l_bench.listen.content import Collection, ListeningClip, ShownSystem
from m2l_bench.progress import Progress, Quiet
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.text import first_of

LONGEST_SECONDS = 12.0
"""Longest piece that webMUSHRA accepts, and that BS.1534 recommends."""
MOST_CONDITIONS = 11
"""Beside the hidden reference: BS.1534 has at most twelve in all."""
OWN_ANCHORS = {"createAnchor35": "lowpass-3.5k", "createAnchor70": "lowpass-7k"}
"""Anchors that webMUSHRA makes itself where there are no runs of ours, by the names of its options."""
INSTRUCTIONS = (
    "Rate how good each version sounds against the reference, from 0 (bad) to 100 (excellent). One of them is the "
    "reference itself, which deserves 100."
)


@dataclass(frozen=True)
class WebMushraTest:
    """A test that was written."""

    path: Path
    """Its configuration."""
    clips: int
    left_out: dict[str, str]
    """Clips whose audio could not be read, with the reasons."""
    notes: list[str]


def write_webmushra(
    collection: Collection,
    out: Path,
    title: str,
    longest_seconds: float,
    engine: Engine,
    progress: Progress | None = None,
) -> WebMushraTest:
    """Write the configuration and the audio of a test.

    Args:
        out: the folder of webMUSHRA, or one to copy into it.
        longest_seconds: longer clips are cut to this length, and to twelve seconds in any case.
        engine: where clips are prepared; the folder must be the same there.

    Raises:
        UserError: the folder cannot be written, or no clip can be read.
    """
    name = re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-") or "test"
    systems, notes = _conditions(collection.systems)
    seconds = min(longest_seconds, LONGEST_SECONDS)
    resources = out / "configs" / "resources" / name
    pages: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    tasks = [(clip, systems, resources, seconds) for clip in collection.clips]
    with explain_write_errors(out), (progress or Quiet()).start("webMUSHRA", len(tasks), 0) as advance:
        resources.mkdir(parents=True, exist_ok=True)
        for id, page in engine.map(_write_clip, tasks):
            if isinstance(page, str):
                left_out[id] = page
            else:
                pages[id] = page
            advance()
        if not pages:
            raise UserError(f"none of the clips can be read: {next(iter(left_out.values()))}")
        trials = [pages[clip.clip.id] for clip in collection.clips if clip.clip.id in pages]
        path = out / "configs" / f"{name}.yaml"
        write_atomically(path, _yaml(_configuration(name, title, trials)).encode())
    return WebMushraTest(path, len(trials), left_out, notes)


def _conditions(systems: Sequence[ShownSystem]) -> tuple[list[str], list[str]]:
    """Choose the systems of a test: the anchors, and of the others the best that there is room for; with notes."""
    anchors = [system.name for system in systems if system.kind == "anchor"]
    others = [system.name for system in systems if system.name not in anchors]
    room = MOST_CONDITIONS - len({*anchors, *OWN_ANCHORS.values()})
    notes = [f"at most {MOST_CONDITIONS} conditions: without {first_of(others[room:])}"] if others[room:] else []
    return others[:room] + anchors, notes


def _configuration(name: str, title: str, trials: list[dict[str, Any]]) -> dict[str, Any]:
    pages = [
        {"type": "generic", "id": "welcome", "name": "Welcome", "content": f"{INSTRUCTIONS} Use headphones."},
        {
            "type": "volume",
            "id": "volume",
            "name": "Volume",
            "content": "Set a comfortable volume now, and leave it as it is during the test.",
            "stimulus": trials[0]["reference"],
            "defaultVolume": 0.5,
        },
        ["random", *trials],
        {
            "type": "finish",
            "name": "Thank you",
            "content": "Please enter your name and send your answers.",
            "popupContent": "Your answers were sent. Thank you.",
            "showResults": False,
            "writeResults": True,
            "questionnaire": [{"type": "text", "label": "Name", "name": "listener"}],
        },
    ]
    return {
        "testname": title,
        "testId": name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": True,
        "remoteService": "service/write.php",
        "pages": pages,
    }


class _Dumper(yaml.SafeDumper):
    """YAML as webMUSHRA's own reader understands it: it takes the plain texts 1e3 and Infinity for numbers."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if text.isidentifier() and text != "Infinity" else "'"
    ),
)


def _yaml(configuration: dict[str, Any]) -> str:
    text = yaml.dump(configuration, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.replace("- - random\n", "-\n  - random\n")  # its reader takes a list inside a list in this form alone


def _sendable(id: str) -> str:
    """Escape what would be lost of an id when webMUSHRA sends the answers, in a form that it does not encode."""
    return id.replace("%", "%25").replace("&", "%26").replace("+", "%2B")


def _write_clip(
    clip: ListeningClip, systems: Sequence[str], resources: Path, longest_seconds: float
) -> tuple[str, dict[str, Any] | str]:
    """Write a clip's pieces in a worker; return its id and its page, or the reason why its audio cannot be read."""
    try:
        original, rate, pieces = _matched(clip, systems, longest_seconds)
    except BadClip as error:
        return clip.clip.id, str(error)
    made = {option: name not in pieces for option, name in OWN_ANCHORS.items()}
    page = {
        "type": "mushra",
        "id": _sendable(clip.clip.id),
        "name": "How good is each version?",
        "content": INSTRUCTIONS,
        "showWaveform": True,
        "enableLooping": True,
        "reference": _write(original, rate, resources),
        **made,
        "randomize": True,
        "showConditionNames": False,
        "stimuli": {_sendable(name): _write(audio, rate, resources) for name, audio in pieces.items()},
    }
    return clip.clip.id, page


def _matched(
    clip: ListeningClip, systems: Sequence[str], longest_seconds: float
) -> tuple[Audio, int, dict[str, Audio]]:
    """Read a clip's original and reconstructions, with the same length, channels and loudness.

    Raises:
        BadClip: a file cannot be read.
    """
    source = clip.clip
    seconds = min(longest_seconds, source.duration_seconds or longest_seconds)
    original, rate = audio_files.read(source.path, source.start_seconds, seconds)
    original = original if len(original) <= 2 else audio_files.to_mono(original)
    pieces = {}
    for name in systems:
        if name in clip.reconstructions:
            audio, _ = audio_files.read(clip.reconstructions[name], 0.0, seconds)
            if len(audio) != len(original):
                audio = np.repeat(audio_files.to_mono(audio), len(original), axis=0)
            pieces[name] = audio_files.fit_length(audio, original.shape[1])
    levels = {name: loudness.measure(audio, rate) for name, audio in pieces.items()}
    gains, headroom = loudness.matching_gains(loudness.measure(original, rate), levels)
    matched = {name: _amplified(audio, (gains[name] or 0.0) + headroom) for name, audio in pieces.items()}
    return _amplified(original, headroom), rate, matched


def _amplified(audio: Audio, decibels: float) -> Audio:
    return audio * np.float32(10 ** (decibels / 20))


def _write(audio: Audio, rate: int, resources: Path) -> str:
    """Write a piece, and return its path as webMUSHRA's configuration has it.

    Raises:
        UserError: it cannot be written.
    """
    content = audio_files.wav_bytes(audio, rate)
    path = resources / f"{hashlib.sha256(content).hexdigest()[:20]}.wav"
    with explain_write_errors(resources):
        write_atomically(path, content)
    return path.relative_to(resources.parents[2]).as_posix()
