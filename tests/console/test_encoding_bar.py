"""The lines that the encoding of a collection prints where there is no terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from m2l_bench.console import terminal
from m2l_bench.console.encoding import EncodingBar


def test_a_line_a_minute_has_throughput_failures_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(terminal, "LINE_SECONDS", 60)
    output = io.StringIO()
    with EncodingBar(Console(file=output, width=20)).files(2_000, 500) as advance:
        for clock.now, file_id, seconds, problem in (
            (30.0, "a", 1800.0, ""),
            (50.0, "b [x]", 0.0, "not readable"),
            (120.0, "c", 1800.0, ""),
            (130.0, "d", 1800.0, ""),
        ):
            advance(file_id, seconds, problem)
    assert output.getvalue().splitlines() == [
        "b [x]: not readable",
        "encode: 503 of 2,000 files, 30.0 h of audio per hour, 1 failed, about 998 min left",
        "encode: 504 of 2,000 files, 41.5 h of audio per hour, 1 failed, 2 min",
    ]
