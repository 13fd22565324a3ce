"""What `generate` wrote as a listening page: sets beside held-out music, to which only `codec` corresponds."""

import csv
import json
import math
from pathlib import Path

import pytest
import soundfile
from support.command_line import Cli
from support.generation import OPTIONS, write_music
from support.pages import ONE_JOB, flac_of

from m2l_bench.errors import UserError
from m2l_bench.listen.generated import gather_generated
from m2l_bench.listen.writer import write_page
from m2l_bench.plots.looks import looks

SETS = {
    "bands/samples-0": "Bands: samples, seed 0",
    "bands/random-latents": "Bands: random latents",
    "bands/shuffled-frames": "Bands: shuffled frames",
    "bands/corpus": "Bands: corpus",
    "bands/codec": "Bands: codec",
}


@pytest.fixture
def out(tmp_path: Path, cli_here: Cli) -> Path:
    write_music(tmp_path)
    result = cli_here("generate", *OPTIONS, "--steps", 2, "--seeds", 1)
    assert result.returncode == 0, result.stderr
    assert "to hear the sets: m2l-bench listen out -o page" in result.stdout.splitlines()
    return tmp_path / "out"


def test_each_set_is_heard_beside_the_held_out_music(out: Path, cli_here: Cli) -> None:
    result = cli_here("listen", "out", "-o", "page", "--cards", "cards", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    assert f"listening page: {Path('page/index.html')} (9 clips, 5 sets, " in result.stdout
    page = out.parent / "page"
    data = json.loads((page / "data.js").read_text().removeprefix("const DATA = ").removesuffix(";\n"))
    assert data["reference"] == {"title": "Held-out music", "corresponds": False}
    assert {system["name"]: system["title"] for system in data["systems"]} == SETS
    assert {system["colour"] for system in data["systems"]} == {looks(["bands"])["bands"].colour}
    assert [figure["name"] for figure in data["figures"]] == ["kad_toy", "fad_toy", "density_toy", "coverage_toy"]
    with (out / "generate.csv").open() as file:
        rows = list(csv.DictReader(file))
    for system, row in zip(data["systems"], rows, strict=True):
        kernel, frechet, density, _ = system["figures"]
        columns = ("kad_toy", "kad_toy_low", "kad_toy_high")
        assert kernel == pytest.approx([float(row[name]) for name in columns], abs=1e-4)
        assert frechet[0] == float(row["fad_toy"]) and density == [float(row["density_toy"]), None, None]
    for number, clip in enumerate(data["clips"]):
        files = {"original": rows[0]["reference"]} | dict(zip(SETS, (row["folder"] for row in rows), strict=True))
        pieces = {"original": clip["original"]} | clip["made"]
        assert pieces.keys() == files.keys() and "difference" not in str(pieces)
        for name, folder in files.items():
            written = soundfile.read(out / folder / f"{number:04d}.flac", dtype="int16")[0]
            assert (flac_of(page, pieces[name]["audio"]) == written).all()
    pictures = {piece["audio"] for clip in data["clips"] for piece in (clip["original"], *clip["made"].values())}
    assert {path.stem for path in (page / "pictures").iterdir()} == pictures, "no pictures of differences"
    assert "5 sets, 9 clips: hear them beside held-out music" in (page / "index.html").read_text()


def test_a_set_at_another_rate_keeps_its_samples(out: Path, tmp_path: Path) -> None:
    for file in out.glob("runs/bands/sets-*/corpus/*.flac"):
        audio, _ = soundfile.read(file)
        soundfile.write(file, audio[: 3 * 8000], 8000)
    page = write_page(gather_generated(out, limit=1), tmp_path / "page", "A page", 30.0, ONE_JOB).path.parent
    data = json.loads((page / "data.js").read_text().removeprefix("const DATA = ").removesuffix(";\n"))
    assert len(flac_of(page, data["clips"][0]["made"]["bands/corpus"]["audio"])) == 3 * 8000
    assert data["clips"][0]["seconds"] == 3.0


def test_what_is_gone_is_left_out_and_said(out: Path) -> None:
    next(out.glob("runs/bands/sets-*/corpus/0003.flac")).unlink()
    *lines, of_codec = (out / "generate.csv").read_text().splitlines()
    of_codec = of_codec.replace(",reference-", ",another-")
    (out / "generate.csv").write_text("\n".join([*lines, of_codec]))
    collection = gather_generated(out)
    assert [system.name for system in collection.systems] == list(SETS)[:3]
    gone, other = collection.notes
    assert "bands/corpus: not on the page" in gone and "0003.flac is gone: give `m2l-bench generate` the same" in gone
    assert "bands/codec: not on the page, it was compared with other held-out music" in other
    assert collection.systems[0].title == "bands: samples, seed 0", "without its card, a system has its name"
    assert math.isnan(collection.systems[0].kilobits)
    reference = next(out.glob("reference-*"))
    for number in range(4, 9):
        (reference / f"{number:04d}.flac").unlink()
    collection = gather_generated(out)
    assert [clip.clip.id for clip in collection.clips] == [f"clip {number:04d}" for number in range(4)]
    assert collection.notes[-1] == "only the first 4 of 9 clips: there is no more held-out music"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--webmushra", "test"), "--webmushra is for runs of `reconstruct`, and out holds what `generate` wrote"),
        (("--task", "bundled"), "--task is for runs of `reconstruct`"),
    ],
)
def test_options_of_reconstructions_are_refused(
    tmp_path: Path, cli_here: Cli, options: tuple[str, str], message: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "generate.csv").touch()
    result = cli_here("listen", "out", *options)
    assert result.returncode == 1 and message in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lists no sets"),
        ("system,set,seed,steps,count\nbands,codec,,,9\n", "an earlier version wrote it, without the folders"),
        ("system,set,seed,steps,count,folder,reference\nbands,codec,,,many,a,b\n", "not readable as figures"),
        ("system,set,seed,steps,count,folder,reference\nbands,codec,,,9,a,b\n", "b: the held-out music is gone"),
    ],
)
def test_a_table_that_names_no_clips_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "generate.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        gather_generated(tmp_path)
