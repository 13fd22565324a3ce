"""`m2l_bench.evaluate` and what it returns: cards, objects and functions as systems; tables; players in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import m2l_bench as mb
from m2l_bench.cards import load_cards
from m2l_bench.systems.objects import object_card, runs_here_only
from m2l_bench.systems.precision import in_precision

METRICS = ["si_sdr_db"]


class EightBit:
    """A codec that knows nothing of this package."""

    sample_rate = 44_100

    def encode(self, audio: torch.Tensor) -> torch.Tensor:
        return (audio * 127).round().char()

    def decode(self, latents: torch.Tensor) -> np.ndarray:
        return latents.numpy() / np.float32(127)


def noisy(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    return audio + 0.01 * np.sin(np.arange(audio.shape[1]) * 2 * np.pi * 1000 / sample_rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support.audio import music, write

    path = tmp_path_factory.mktemp("originals")
    for i in range(3):
        write(path / f"clip{i}.wav", music(seed=i))
    return path


@pytest.fixture(scope="module")
def results(folder: Path) -> mb.Results:
    systems = {"half": lambda audio: audio / 2, "eight": EightBit(), "noisy": noisy}
    return mb.evaluate(systems, "folder", data=folder, metrics=METRICS, jobs=1)


def test_objects_and_functions_are_systems(results: mb.Results) -> None:
    table = results.table()
    assert list(table.index) == ["half", "eight", "noisy"], "the best system is first"
    assert np.isinf(table.loc["half", "si_sdr_db"]), "SI-SDR does not depend on the level"
    assert 10 < table.loc["noisy", "si_sdr_db"] < table.loc["eight", "si_sdr_db"] < 60
    assert results.rows.groupby("system")["id"].apply(list)["eight"] == ["clip0", "clip1", "clip2"]
    assert results.rows["latent_values"].notna().sum() == 3, "only the codec has latents"
    assert set(results.significance()["metric"]) == {"si_sdr_db"}


def test_a_notebook_shows_the_table_and_players_of_one_clip(results: mb.Results) -> None:
    html = results._repr_html_()
    assert html.count("<audio") == 4 and html.count("data:audio/flac;base64,") == 4
    assert re.search(r"<p>clip\d</p>", html) and "<td>half</td>" in html
    assert "SI-SDR" in results.to_latex() and "| half | 3 |" in results.to_markdown()


def test_the_temporary_folder_lives_as_long_as_the_results(folder: Path) -> None:
    results = mb.evaluate(noisy, mb.load_task("folder", data=folder), metrics=METRICS, jobs=1, limit=1)
    run = results.runs[0].folder
    assert run.is_dir() and results.systems == ["noisy"]
    results.temporary.cleanup()
    assert not run.exists()


def test_runs_that_are_kept_are_continued_but_not_those_of_objects(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        results = mb.evaluate(["lowpass-7k", noisy], "folder", data=folder, metrics=METRICS, jobs=1, out=tmp_path)
    assert sorted(path.name for path in (tmp_path / results.task).iterdir()) == ["lowpass-7k", "noisy", "noisy~2"]
    again = mb.load_results(tmp_path)
    assert again.table().loc["noisy", "si_sdr_db"] == results.table().loc["noisy", "si_sdr_db"]


class Described:
    """A codec whose latents are no array."""

    sample_rate = 44_100

    def encode(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"audio": audio}

    def decode(self, latents: dict[str, torch.Tensor], samples: int) -> torch.Tensor:
        return latents["audio"][..., :samples]


def test_latents_may_be_anything(folder: Path) -> None:
    results = mb.evaluate(Described(), "folder", data=folder, metrics=METRICS, jobs=1, limit=1)
    assert results.rows["status"].tolist() == ["measured"] and results.rows["latent_values"].tolist() == [0]


def test_an_object_keeps_its_number_type_and_its_process() -> None:
    class Typed(mb.Codec):
        sample_rate, channels, number_types = 44_100, 1, ("bfloat16",)
        encode = decode = lambda self, audio, *_, **__: audio

    card = object_card(Typed())
    assert in_precision(card, "bfloat16", ["cuda:0"]) is card
    assert runs_here_only(card) and not runs_here_only(load_cards().system("opus-12k"))


def test_a_system_that_fails_costs_its_clips_only(folder: Path) -> None:
    def broken(audio: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("no")

    rows = mb.evaluate([broken, noisy], "folder", data=folder, metrics=METRICS, jobs=1, limit=1).rows
    assert rows.set_index("system")["status"].to_dict() == {"broken": "failed", "noisy": "measured"}
    assert "ZeroDivisionError" in rows.set_index("system").loc["broken", "reason"]


class NoRate:
    encode = decode = staticmethod(lambda audio: audio)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (3, "int is no system: expected"),
        ("lowpass-8k", "did you mean 'lowpass-7k'"),
        (NoRate(), "NoRate has no `sample_rate`"),
        ([noisy, noisy], "two systems have the name 'noisy': give a mapping"),
    ],
)
def test_what_is_no_system_is_said_in_a_line(system: object, message: str, folder: Path) -> None:
    with pytest.raises(mb.UserError, match=re.escape(message)):
        mb.evaluate(system, "folder", data=folder)


def test_everything_that_is_named_can_be_imported() -> None:
    assert all(getattr(mb, name).__doc__ for name in mb.__all__)
