"""Reading of MIDI files in a folder, and inside the WAD files of Doom engines, as notes without controllers."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.minis.synth import DRUMS, Note, require

SUFFIXES = frozenset((".mid", ".midi"))
DEBIAN_FOLDERS = (Path("/usr/share/games/doom"), Path("/usr/share/games/openttd/baseset/openmsx"))
"""Folders in which the packages freedoom (BSD) and openttd-openmsx (GPL 2) put their music."""
GET = "run `apt-get install freedoom openttd-openmsx`, or pass --midi DIR with multi-track MIDI files"


@dataclass(frozen=True)
class Piece:
    """A MIDI file.

    Attributes:
        name: name of the file without its extension.
        digest: SHA-256 of the file.
        notes: all notes, with times in seconds.
        tempi: each change of tempo, as its second and the new number of quarter notes per minute.
        end: end of the piece in seconds.
    """

    name: str
    digest: str
    notes: tuple[Note, ...]
    tempi: tuple[tuple[float, float], ...]
    end: float


def midi_contents(folder: Path | None) -> dict[str, tuple[str, bytes]]:
    """Read the name and the content of every MIDI file, by SHA-256; files with equal content are listed once.

    Args:
        folder: a folder that is searched recursively; None: the folders of the two Debian packages.

    Raises:
        UserError: there is no such folder, or no MIDI file.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"--midi {folder}: no such folder")
    contents: dict[str, tuple[str, bytes]] = {}
    for name, content in _contents([folder] if folder else DEBIAN_FOLDERS):
        contents.setdefault(hashlib.sha256(content).hexdigest(), (name, content))
    if not contents:
        problem = (
            f"--midi {folder}: no MIDI file in it" if folder else "no MIDI files of the games Freedoom and OpenTTD"
        )
        raise UserError(f"{problem}: {GET}")
    return contents


def read_pieces(contents: Mapping[str, tuple[str, bytes]]) -> list[Piece]:
    """Parse MIDI files, sorted by name; broken files are left out."""
    pieces = (_read(name, digest, content) for digest, (name, content) in contents.items())
    return sorted((piece for piece in pieces if piece), key=lambda piece: (piece.name, piece.digest))


def _contents(folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                yield path.stem, path.read_bytes()
            elif path.suffix.lower() == ".wad":
                yield from ((f"{path.stem}-{name}", lump) for name, lump in wad_lumps(path))


def wad_lumps(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each MIDI lump of a WAD file.

    The file begins with a magic number and the count and offset of its directory, whose entries are (offset, size,
    name).

    Raises:
        UserError: the file is incomplete or not a WAD file.
    """
    content = path.read_bytes()
    try:
        magic, count, directory = struct.unpack_from("<4sii", content)
        if magic not in (b"IWAD", b"PWAD"):
            raise UserError(f"{path}: not a WAD file")
        for i in range(count):
            offset, size, name = struct.unpack_from("<ii8s", content, directory + 16 * i)
            if content[offset : offset + 4] == b"MThd":
                yield name.rstrip(b"\0").decode("ascii").lower(), content[offset : offset + size]
    except (struct.error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as a WAD file ({error})") from error


def _read(name: str, digest: str, content: bytes) -> Piece | None:
    pretty_midi = require("pretty_midi")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            midi = pretty_midi.PrettyMIDI(io.BytesIO(content))
    except Exception:  # a broken file can raise anything in the reader
        return None
    notes = tuple(
        Note(note.start, note.end, note.pitch, note.velocity, DRUMS if part.is_drum else int(part.program))
        for part in midi.instruments
        for note in part.notes
        if note.end > note.start
    )
    moments, tempi = midi.get_tempo_changes()
    return Piece(name, digest, notes, tuple(zip(moments.tolist(), tempi.tolist(), strict=True)), midi.get_end_time())
