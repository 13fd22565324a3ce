"""The documentation's example of Music2Latent runs as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.audio import music, write

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "music2latent.md"


def test_the_example_runs(tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(import soundfile.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    write(tmp_path / "song.flac", music(0.7, channels=2))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace('from_pretrained("music2latent")', f"from_pretrained({str(checkpoint_folder)!r})"), names)
    assert names["again"].shape == names["audio"].T.shape
    assert names["latents"].shape[:2] == (2, 64)
    assert names["features"].shape[2] == names["latents"].shape[2]
