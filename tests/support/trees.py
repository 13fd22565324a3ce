"""Small datasets in the layouts of the real ones, with columns and spellings as published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from support.audio import music, write

TINYSOL_HEAD = (
    "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),Technique (in full),Pitch,Pitch ID,"
    "Dynamics,Dynamics ID,Instance ID,String ID (if applicable),Needed digital retuning\n"
)
CONTRABASS = (
    "Strings/Contrabass/ordinario/Cb-ord-{pitch}-mf-{string}c-N.wav,{fold},Strings,Cb,Contrabass,ord,ordinario,"
)
FLUTE = "Winds/Flute/ordinario/Fl-ord-{pitch}-mf-N-T{string}d.wav,{fold},Winds,Fl,Flute,ord,ordinario,"


def tinysol_tree(root: Path, pitches: Sequence[str] = ("A2", "C#4"), copies: int = 5) -> Path:
    """Contrabass and flute at each pitch, `copies` times."""
    lines = []
    for pitch in pitches:
        for i in range(copies):
            lines.append(CONTRABASS.format(pitch=pitch, string=i, fold=i % 5) + f"{pitch},45,mf,2,1,{i}.0,FALSE\n")
            lines.append(FLUTE.format(pitch=pitch, string=i, fold=i % 5) + f"{pitch},60,mf,2,0,,TRUE\n")
    csv = root / "annotation" / "TinySOL_metadata.csv"
    csv.parent.mkdir(parents=True)
    csv.write_text(TINYSOL_HEAD + "".join(lines))
    for line in lines:
        write(root / "audio" / line.partition(",")[0], music(0.01))
    return root


def beatport_tree(root: Path, keys: Sequence[str]) -> Path:
    """One track per key, named as Beatport's are."""
    for i, key in enumerate(keys):
        name = f"{100066 + i} Lindstrom - Monsteer (Mix no. {i})"
        write(root / "audio" / f"{name}.mp3", music(0.1))
        (root / "keys").mkdir(exist_ok=True)
        (root / "keys" / f"{name}.txt").write_text(key)
    return root


def magnatagatune_tree(root: Path, clips: int = 9) -> Path:
    """Clips in the folders 0 to f, each with `guitar` or `no voice` or both; every third in each split."""
    metadata = root / "metadata"
    metadata.mkdir(parents=True)
    lines = ['"clip_id"\t"no voice"\t"guitar"\t"rare"\t"mp3_path"\n']
    texts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for i in range(clips):
        path = f"{i % 16:x}/artist-album-0{i}-title-0-29.mp3"
        guitar = int(i % 2 == 0 or i // 3 == 1)
        lines.append(f'"{i + 2}"\t"{int(i % 2)}"\t"{guitar}"\t"1"\t"{path}"\n')
        texts[["train", "valid", "test"][i % 3]].append(f"{i + 2}\t{path}")
        write(root / "audio" / path, music(0.1, 16_000), 16_000)
    (metadata / "annotations_final.csv").write_text("".join(lines))
    for name, content in {**texts, "tags": ["guitar", "no voice"]}.items():
        np.save(metadata / f"{name}.npy", np.array(content))
    return root


def marble_tree(root: Path, lists: str, rows: Mapping[str, Sequence[Mapping[str, object]]]) -> Path:
    """MARBLE's lists of a task; `rows` are the rows of `train`, `val` and `test`, with audio below `data/SET/`."""
    root.mkdir(parents=True, exist_ok=True)
    for split, split_rows in rows.items():
        (root / f"{lists}.{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in split_rows))
        for row in split_rows:
            write(root / str(row["audio_path"]).removeprefix("data/SET/"), music(0.05))
    return root


def nsynth_tree(root: Path, notes: Mapping[str, Sequence[tuple[str, int]]]) -> Path:
    """Notes of each of the folders `train`, `valid` and `test`, each with a family and a pitch."""
    for split, split_notes in notes.items():
        folder = root / f"nsynth-{split}"
        examples = {
            f"{family}_{split}_{i:03}-{pitch:03}-050": {"pitch": pitch, "instrument_family_str": family}
            for i, (family, pitch) in enumerate(split_notes)
        }
        for id in examples:
            write(folder / "audio" / f"{id}.wav", music(0.05))
        (folder / "examples.json").write_text(json.dumps(examples))
    return root
