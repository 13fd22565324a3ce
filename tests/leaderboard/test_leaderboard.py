"""The leaderboard: ranks, what is left out and why, and a site that works by itself."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.browser import open_browser, open_page
from support.command_line import Cli
from support.runs import probe_key, probe_results, write_probe
from support.submissions import forge, make_runs, submit, write_clips

from m2l_bench.commands.common import Columns
from m2l_bench.commands.publish import leaderboard
from m2l_bench.leaderboard.boards import slug
from m2l_bench.leaderboard.merge import merge
from m2l_bench.leaderboard.ranks import Rank, ranks
from m2l_bench.report.matrices import Difference, Matrix
from m2l_bench.submissions.schema import FILE

EVIL = "<script>alert(1)</script>"


class Links(HTMLParser):
    """Addresses that a page refers to, and its identifiers."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src"):
                self.addresses.append(value or "")
            elif name == "id":
                self.ids.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a usable submission, one of the same systems from somebody else, and three that cannot be used."""
    folder = tmp_path_factory.mktemp("leaderboard")
    clips = write_clips(folder / "clips")
    runs = make_runs(folder / "runs", clips)
    figures = {"mean": 0.9, "std": 0.1, "seeds": [0.8, 1.0], "low": 0.7, "high": 1.0, "resampled": [0.7, 0.9, 1.0]}
    results = probe_results(metrics={"micro_f1": figures}, classes=["a", "b"])
    write_probe(runs, probe_key("net"), results, ["a", "b"])
    mine = submit(runs, folder / "mine", title=f"Mine {EVIL}", contact="javascript:alert(1)", licence="CC0-1.0")
    theirs = submit(runs, folder / "theirs", audio=False)
    changed = submit(runs, folder / "changed", audio=False)
    next(changed.rglob("clips.parquet")).write_bytes(b"PAR1")
    forged = submit(runs, folder / "forged", audio=False)
    content = json.loads((forged / FILE).read_text())
    content["runs"][0]["figures"]["si_sdr_db"]["value"] = 99.0
    (forged / FILE).write_text(json.dumps(content))
    forge(forged)
    foreign = submit(
        make_runs(folder / "other", write_clips(folder / "b" / "clips", seed=1)), folder / "foreign", audio=False
    )
    data = [f"folder-clips={clips}"]
    leaderboard([mine, theirs, changed, forged, foreign], folder / "site", data=data, columns=Columns.all, jobs=1)
    return folder / "site"


def test_what_is_left_out_is_listed_with_its_reason(site: Path) -> None:
    content = json.loads((site / "leaderboard.json").read_text())
    reasons = {item["what"]: item["reason"] for item in content["left_out"]}
    assert "changed after it was submitted" in reasons["changed"]
    assert "si_sdr_db is stated as 99.0" in reasons["forged"]
    assert "10 of its clips have other audio" in reasons["foreign, folder-clips, good"]
    assert "has a probe of the same model" in reasons["theirs, toy, net"]
    page = (site / "index.html").read_text()
    assert all(reason.split("'")[0][:40] in page for reason in reasons.values())
    board, probes = content["boards"]
    assert [row["system"] for row in probes["rows"]] == ["net"]
    assert {row["submission"] for row in board["rows"]} == {"mine", "theirs"}
    assert {row["system"] for row in board["rows"]} == {
        *("good", "poor", "copy"),
        *("good--theirs", "poor--theirs", "copy--theirs"),
    }


def test_probes_are_in_order_of_rank(tmp_path: Path) -> None:
    for name, value in (("a", 0.2), ("b", 0.9), ("c", 0.9)):
        figures = {
            "mean": value,
            "std": 0.0,
            "seeds": [value],
            "low": value,
            "high": value,
            "resampled": [value] * 1000,
        }
        results = probe_results(metrics={"micro_f1": figures}, classes=["x", "y"])
        write_probe(tmp_path / "runs", probe_key(name), results, ["x", "y"])
    leaderboard([submit(tmp_path / "runs", tmp_path / "submission", audio=False)], tmp_path / "site", jobs=1)
    (board,) = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["boards"]
    assert [row["system"] for row in board["rows"]] == ["b", "c", "a"]
    table = (tmp_path / "site" / "probe-toy" / "index.html").read_text().partition("<table")[2].partition("</thead>")[0]
    assert "micro F1" in table and "toy:" not in table


def test_equal_systems_share_a_rank_and_others_do_not(site: Path) -> None:
    board, _ = json.loads((site / "leaderboard.json").read_text())["boards"]
    by_name = {row["system"]: row["ranks"]["mel_distance"] for row in board["rows"]}
    assert by_name["poor"] == by_name["poor--theirs"] == [5, 6]
    assert by_name["copy"][0] == 1


def test_texts_of_submissions_are_not_code(site: Path) -> None:
    for page in site.glob("**/index.html"):
        text = page.read_text(encoding="utf-8")
        assert EVIL not in text
        assert 'href="javascript' not in text


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = [site / "index.html", site / "folder-clips" / "index.html"]
    for page in pages:
        for address in Links(page).addresses:
            parts = urlsplit(address)
            if parts.scheme:
                assert parts.scheme in ("https", "http", "data")
                continue
            target = page.parent / unquote(parts.path) if parts.path else page
            assert target.exists(), address
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in Links(target).ids, address
    assert (site / "folder-clips" / "leaderboard.csv").read_text().startswith("system,clips")


def test_it_is_written_again_in_its_place_but_not_over_something_else(
    cli_here: Cli, site: Path, tmp_path: Path
) -> None:
    before = (site / "leaderboard.json").read_bytes()
    done = cli_here("leaderboard", site.parent / "mine", "-o", site.parent / "again", "--json", "--jobs", 1)
    assert done.returncode == 0 and json.loads(done.stdout)["boards"] == ["folder-clips", "probe-toy"]
    assert "nothing to hear: name the folder of its originals with --data folder-clips=DIR" in done.stderr
    assert not [path for path in (site.parent / "again").iterdir() if path.name.startswith(".")]
    (tmp_path / "mine.txt").write_text("")
    assert "something else" in cli_here("leaderboard", site.parent / "mine", "-o", tmp_path).stderr
    assert "expected --beside" in cli_here("leaderboard", site.parent / "mine", "--beside", "paper").stderr
    assert "no source 'press'" in cli_here("leaderboard", site.parent / "mine", "--beside", "a=press").stderr
    assert (
        "no submission has the dataset 'a'"
        in cli_here("leaderboard", site.parent / "mine", "-o", site, "--beside", "a=paper").stderr
    )
    assert cli_here("leaderboard", tmp_path / "nowhere", "-o", site).returncode == 1
    assert (site / "leaderboard.json").read_bytes() == before
    assert (site / "folder-clips" / "index.html").is_file()


def test_names_and_contents_of_others_stay_in_their_place(site: Path, tmp_path: Path) -> None:
    """Folders of one name, names of files of the site, and a name that would lead out of it."""
    places = []
    for number in range(3):
        place = tmp_path / str(number) / "submission"
        shutil.copytree(site.parent / "theirs", place)
        places.append(place)
    text = (places[2] / FILE).read_text().replace('"name":"poor"', '"name":"../../poor"')
    (places[2] / FILE).write_text(text.replace('"name": "poor"', '"name": "../../poor"'))
    merged = merge(places, tmp_path / "merged")
    assert [source.name for source in merged.sources] == ["submission", "submission-2"]
    assert "submission-3" in merged.left_out[-1].what and "String should match pattern" in merged.left_out[-1].reason
    assert slug("style.css") == "style-css" and slug("my clips%2Fé") == "my-clips-2F-"


VERDICTS = {1: "better", -1: "worse", 0: "undecided"}


@given(st.lists(st.floats(0, 10), min_size=1, max_size=7), st.floats(0, 3))
def test_ranks_say_no_more_than_the_differences(scores: list[float], least: float) -> None:
    """Systems that differ by at most `least` are not told apart."""
    names = [f"system{i}" for i in range(len(scores))]

    def cell(a: float, b: float) -> Difference:
        return Difference("", "", VERDICTS[(a - b > least) - (b - a > least)])

    rows = [[None if i == j else cell(a, b) for j, b in enumerate(scores)] for i, a in enumerate(scores)]
    places = ranks(Matrix("m", "m", True, names, names, rows, []), names)
    for i, a in enumerate(scores):
        place = places[names[i]]
        assert 1 <= place.best <= place.worst <= len(scores)
        for j, b in enumerate(scores):
            if a - b > least:
                assert place.best < places[names[j]].worst or place.best == 1
                assert place.worst <= places[names[j]].worst
    assert any(place.best == 1 for place in places.values())


def test_a_rank_is_written_as_a_range() -> None:
    assert str(Rank(2, 2)) == "2" and re.fullmatch("1.3", str(Rank(1, 3)))


def test_the_table_sorts_and_filters_and_a_view_can_be_linked_to(site: Path) -> None:
    page_path = site / "folder-clips" / "index.html"
    with open_browser() as browser:
        with open_page(browser, page_path) as page:
            names = (
                "[...document.querySelectorAll('table.board tbody tr:not([hidden])')].map(row => row.dataset.system)"
            )
            page.click("th[data-column=mel_distance] button")
            order = page.evaluate(names)
            assert order[0].startswith("copy") and order[-1].startswith("poor")
            page.click("th[data-column=mel_distance] button")
            assert page.evaluate(names)[0].startswith("poor")
            page.fill("[name=find]", "theirs")
            assert set(page.evaluate(names)) == {"good--theirs", "poor--theirs", "copy--theirs"}
            assert page.inner_text(".filters output") == "3 of 6 rows"
            address = page.url
        with open_page(browser, address) as page:
            assert page.evaluate(names)[0] == "poor--theirs"
            page.click("text=Where each row comes from")
        with open_page(browser, page_path, width=390) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        with open_page(browser, site / "index.html", width=390) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
