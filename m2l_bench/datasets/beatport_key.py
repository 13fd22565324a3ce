"""Beatport EDM Key (Faraldo 2018): 1,486 two-minute excerpts with the key that an expert heard.

On disk as mirdata 1.0.0 leaves it: `keys/<track>.txt` (one line, several keys separated by `|`), `audio/<track>.mp3`
and `meta/<track>.json`, which is not read. The layout is read directly because mirdata would bring 600 MB of packages
for one-line files, and its wheel has no index; a test holds the keys against mirdata's own tracks. Items stand in the
order of the files' names, which is that of mirdata's index 1.0.0. Some 1,272 tracks have one usable key: 24 classes.
"""

from __future__ import annotations

from pathlib import Path

from m2l_bench.audio import EXTENSIONS
from m2l_bench.datasets.base import loader
from m2l_bench.datasets.labelled import LabelledDataset, Listed, assemble
from m2l_bench.datasets.places import existing_folder
from m2l_bench.datasets.tinysol import PITCH_CLASSES
from m2l_bench.errors import UserError

SHARP_OF = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#", "F#_": "F#"}
"""mir_ref's spelling of tonics; the last mends a slip in the annotations."""
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_CLASSES)


@loader(version="1")
def load(data: Path | None = None, *, name: str = "beatport_key") -> LabelledDataset:
    """The tracks with exactly one key of a tonic and a mode, written as mir_eval.key reads it: `C# minor`.

    Args:
        name: `beatport_key`, or `mini-beatport` for the rendered set in the same layout.

    Raises:
        UserError: the folder holds no keys, a key file is unreadable, or a key is too rare to be split.
    """
    root = existing_folder(name, data)
    if not (root / "keys").is_dir():
        raise UserError(f"{root}: no folder 'keys' in it: not {name}'s layout")
    audio = {path.stem: path for path in sorted((root / "audio").glob("*")) if path.suffix.lower() in EXTENSIONS}
    texts = sorted(path for path in (root / "keys").glob("*.txt") if not path.name.startswith("."))
    listed, left_out = [], 0
    for path in texts:
        key = read_key(path)
        if key is None:
            left_out += 1
        else:
            listed.append(Listed(path.stem, audio.get(path.stem, root / "audio" / f"{path.stem}.mp3"), (key,)))
    present = {clip.labels[0] for clip in listed}
    notes = [f"{left_out} tracks have no single key of a tonic and a mode: left out, as in mir_ref"] if left_out else []
    return assemble(
        name,
        root,
        listed,
        [key for key in KEYS if key in present],
        unlabelled=sorted(audio.keys() - {path.stem for path in texts}),
        notes=notes,
    )


def read_key(path: Path) -> str | None:
    """The key in a file of `keys/`, with sharps only; None when there is not exactly one of a tonic and a mode.

    mir_ref keeps keys of two words without "other"; what else is no tonic and mode could not be scored either.

    Raises:
        UserError: the file is not readable as text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as text ({error})") from error
    keys = lines[0].split("|") if lines else []
    if len(keys) != 1 or len(keys[0].split(" ")) != 2:
        return None
    tonic, mode = keys[0].strip().split(" ") if keys[0].strip().count(" ") == 1 else ("", "")
    key = f"{SHARP_OF.get(tonic, tonic)} {mode}"
    return key if key in KEYS else None
