"""`m2l-bench encode --codec` with toy codecs, and some music for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.audio import music, write
from support.collections import Encode
from support.command_line import Cli
from support.toy_codec import CODES, FRAMES


@pytest.fixture
def encode(cli_here: Cli, tmp_path: Path) -> Encode:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "frames.yaml").write_text(FRAMES)
    (tmp_path / "cards" / "codes.yaml").write_text(CODES)

    def run(source: str, out: str, *options: object, codec: str = "frames") -> subprocess.CompletedProcess[str]:
        return cli_here("encode", source, "-o", out, "--codec", codec, "--cards", "cards", "--device", "cpu", *options)

    return run


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Seven files, of one channel and of two."""
    for number in range(7):
        name = f"{'sub/' * (number % 2)}{number}.wav"
        write(tmp_path / "music" / name, music(0.1 + 0.02 * number, channels=1 + number % 2, seed=number))
    return tmp_path / "music"
