"""Beatport EDM Key (Faraldo 2018): 1,486 two-minute excerpts with the key that an expert heard.

The layout on disk is that of mirdata 1.0.0: `keys/<track>.txt` (one line, several keys separated by `|`),
`audio/<track>.mp3` and `meta/<track>.json`, which is not read. The files are read directly because mirdata would
install 600 MB of packages to read one-line files, and its wheel has no index; a test compares the keys with mirdata's
own tracks. Items are in the order of the files' names, which is that of mirdata's index 1.0.0. Of the tracks, 1,272
have one usable key, which makes 24 classes.
"""

from __future__ import annotations

from pathlib import Path

from m2l_bench.audio.listing import list_audio
from m2l_bench.datasets.base import loader
from m2l_bench.datasets.labelled import LabelledDataset, Listed, assemble
from m2l_bench.datasets.places import existing_folder
from m2l_bench.datasets.tinysol import PITCH_CLASSES
from m2l_bench.errors import UserError
from m2l_bench.text import counted

SHARP_OF = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#", "F#_": "F#"}
"""mir_ref's spelling of tonics; the last entry corrects an error in the annotations."""
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_CLASSES)


@loader(version="1")
def load(data: Path | None = None, *, name: str = "beatport_key") -> LabelledDataset:
    """Load the tracks with exactly one key of a tonic and a mode, written as mir_eval.key reads it: `C# minor`.

    Args:
        name: `beatport_key`, or `mini-beatport` for the rendered set in the same layout.

    Raises:
        UserError: the folder holds no keys, a key file is not readable, or a key is too rare to be split.
    """
    root = existing_folder(name, data)
    if not (root / "keys").is_dir():
        raise UserError(f"{root}: it has no folder 'keys', so it is not in the layout of {name}")
    audio = {path.stem: path for path in list_audio(root / "audio").files}
    key_paths = sorted(path for path in (root / "keys").glob("*.txt") if not path.name.startswith("."))
    listed, unusable = [], 0
    for path in key_paths:
        key = read_key(path)
        if key is None:
            unusable += 1
        else:
            listed.append(Listed(path.stem, audio.get(path.stem, root / "audio" / f"{path.stem}.mp3"), (key,)))
    present_keys = {clip.labels[0] for clip in listed}
    notes = (
        [f"{counted(unusable, 'track')} without a single key of a tonic and a mode: left out, as in mir_ref"]
        if unusable
        else []
    )
    return assemble(
        name,
        root,
        listed,
        [key for key in KEYS if key in present_keys],
        unlabelled=sorted(audio.keys() - {path.stem for path in key_paths}),
        notes=notes,
    )


def read_key(path: Path) -> str | None:
    """Read the key in a file of `keys/`, spelt with sharps; None if the file has not exactly one tonic and mode.

    mir_ref keeps keys of two words without "other". Any other key that is not a tonic and a mode could not be scored.

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
