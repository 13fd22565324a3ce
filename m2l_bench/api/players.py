"""HTML audio players of one clip: its original, and each system's reconstruction."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from m2l_bench.audio import Audio, encode
from m2l_bench.errors import UserError
from m2l_bench.plots.runs import median_clip
from m2l_bench.runs.audio import originals, read_original, read_reconstruction
from m2l_bench.runs.measured import MeasuredRun

SECONDS = 10
"""Length of what is played: the audio is part of the page."""


def players(runs: Sequence[MeasuredRun], clip: str | None, data: Path | None, cards: Sequence[Path]) -> str:
    """Write a player for the original and for each run's reconstruction of a clip; a run without audio has none.

    Args:
        clip: id of the clip; None: the one with the median score.
        data: folder of the originals, if the runs do not know it.
        cards: folders of further cards, for tasks that are not in this package.
    """
    rows = [{row.id: row for row in run.measured} for run in runs]
    common = sorted(set.intersection(*(set(by_id) for by_id in rows))) if rows else []
    if not common or (clip is not None and clip not in common):
        return ""
    id = clip or median_clip(runs, common)
    try:
        original, rate = read_original(originals(runs[0], data, cards)[id], rows[0][id])
    except (UserError, KeyError):
        return ""  # the table does not need the audio, which may be elsewhere
    lines = [f"<p>{escape(id)}</p>", _player("Original", original, rate)]
    for run, by_id in zip(runs, rows, strict=True):
        try:
            lines.append(_player(run.title, read_reconstruction(run, by_id[id], rate), rate))
        except UserError:
            continue
    return "".join(lines)


def _player(title: str, audio: Audio, rate: int) -> str:
    content, suffix = encode(audio[:, : SECONDS * rate], rate)
    source = f"data:audio/{suffix[1:]};base64,{base64.b64encode(content).decode()}"
    return f'<p><audio controls preload="none" src="{source}"></audio> {escape(title)}</p>'
