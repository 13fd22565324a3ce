"""What `reconstruct` says before it begins: one line for each command that a newcomer may need."""

import io
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from m2l_bench.adapter import Availability, group_by_reason
from m2l_bench.cards import load_cards
from m2l_bench.console.reconstruction import ReconstructionProgress, print_outcomes, print_plan
from m2l_bench.console.terminal import DownloadBar, ProgressBars, TrainingBar
from m2l_bench.music2latent.training.settings import Status
from m2l_bench.reconstruction.pipeline import Outcome
from m2l_bench.reconstruction.plan import Settings, make_plan


@pytest.fixture(autouse=True)
def no_lines_after_seconds() -> None:
    """Here the lines are what is tested, with a clock that is not that of the machine."""


def test_the_same_command_is_said_once() -> None:
    absent, elsewhere = "its weights are not here", "needs reconstructions"
    states = [
        ("fad", Availability(absent, "m2l-bench weights get vggish")),
        ("mine", Availability(elsewhere, "m2l-bench reconstruct --recorded mine=DIR")),
        ("clap", Availability(absent, "m2l-bench weights get clap")),
        ("fad_again", Availability(absent, "m2l-bench weights get vggish")),
        ("m2l", Availability(absent, "hf download lab/m2l")),
        ("yours", Availability("no ffmpeg", "apt install ffmpeg")),
        ("dac", Availability("no transformers", "pip install 'm2l-bench[codecs]'")),
        ("mimi", Availability("no transformers", "pip install 'm2l-bench[codecs]'")),
    ]
    assert group_by_reason(states) == [
        (["fad", "clap", "fad_again"], Availability(absent, "m2l-bench weights get vggish clap")),
        (["mine"], Availability(elsewhere, "m2l-bench reconstruct --recorded mine=DIR")),
        (["m2l"], Availability(absent, "hf download lab/m2l")),
        (["yours"], Availability("no ffmpeg", "apt install ffmpeg")),
        (["dac", "mimi"], Availability("no transformers", "pip install 'm2l-bench[codecs]'")),
    ]
    states.append(("theirs", Availability(elsewhere, "m2l-bench reconstruct --recorded theirs=DIR")))
    joined = (["mine", "theirs"], Availability(elsewhere, "m2l-bench reconstruct --recorded NAME=DIR"))
    assert joined in group_by_reason(states)


def test_what_is_missing_is_one_line() -> None:
    cards, printed = load_cards(), io.StringIO()
    systems = list(cards.systems.values())
    task = cards.task("bundled")
    plan = make_plan(task, systems, None, Settings(), skip_unavailable=True, embeddings=cards.embeddings)
    print_plan(Console(file=printed, width=80), plan)
    print_outcomes(Console(file=printed, width=80), [], plan, Path("runs"))
    head, runs, *rest = printed.getvalue().splitlines()
    assert head.endswith("30 clips")
    assert runs.removeprefix("  runs: ").split(", ") == [card.name for card in plan.available]
    counts = f"{len(plan.available)} of {len(systems)} systems run on this machine"
    assert sum(line.startswith(counts) for line in rest) == 1


def test_without_a_terminal_progress_is_a_line_a_minute_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    printed, now = io.StringIO(), iter(range(0, 10_000, 25))
    monkeypatch.setattr("m2l_bench.console.terminal.time.monotonic", lambda: next(now))
    with ProgressBars(Console(file=printed, width=40)).start("opus", 6, 1) as advance:
        for _ in range(5):
            advance()
    assert printed.getvalue().splitlines() == [
        "opus: 4 of 6, 75 s, about 50 s left",
        "opus: 6 of 6, 150 s",
    ]


def test_without_a_terminal_a_download_and_a_training_are_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    printed, now = io.StringIO(), iter(range(0, 10_000, 25))
    monkeypatch.setattr("m2l_bench.console.terminal.time", SimpleNamespace(monotonic=lambda: next(now)))
    console = Console(file=printed, width=40)
    with DownloadBar(console, "net.pt") as download:
        for megabytes in range(1, 8):
            download.advance(megabytes * 1_000_000, 7_000_000 if megabytes < 6 else None)
    with TrainingBar(console) as training:
        for iteration in range(1, 7):
            training.status(Status(iteration, 6_000 if iteration > 3 else 0, 0.25, 1.5))
    assert printed.getvalue().splitlines() == [
        "net.pt: 3 of 7 MB",
        "net.pt: 6 MB",
        "iteration 3: loss 0.25, 1.50 steps/s",
        "iteration 6 of 6,000: loss 0.25, 1.50 steps/s",
    ]


def planned(progress: ReconstructionProgress, *names: str) -> None:
    cards = load_cards()
    systems = [cards.system(name) for name in names]
    task = cards.task("demo")
    progress.planned(make_plan(task, systems, None, Settings(), skip_unavailable=False, embeddings=cards.embeddings))


def test_the_table_gains_a_row_when_a_system_is_finished() -> None:
    printed = io.StringIO()
    progress = ReconstructionProgress(Console(file=printed, width=60))
    planned(progress, "opus-12k", "lowpass-7k", "mp3-32k")
    progress.measured(Outcome("opus-12k", Path("runs"), means={"si_sdr_db": 3.456, "visqol": 4.0}))
    progress.measured(Outcome("lowpass-7k", Path("runs"), means={"si_sdr_db": math.inf}, failed={"a": "no", "b": "no"}))
    progress.measured(Outcome("mp3-32k", Path("runs"), problem="its weights are damaged"))
    assert printed.getvalue().splitlines()[-4:] == [
        "            SI-SDR (dB) ↑  ViSQOL (MOS) ↑",
        "opus-12k             3.46            4.00",
        "lowpass-7k              ∞                  2 failed",
        "mp3-32k     its weights are damaged",
    ]


def test_columns_of_the_growing_table_that_the_terminal_has_no_room_for_are_left_out() -> None:
    printed = io.StringIO()
    progress = ReconstructionProgress(Console(file=printed, width=30))
    planned(progress, "opus-12k")
    progress.measured(Outcome("opus-12k", Path("runs"), means={"si_sdr_db": 3.456, "visqol": 4.0}))
    assert printed.getvalue().splitlines()[-2:] == ["          SI-SDR (dB) ↑", "opus-12k           3.46"]
