"""The report: its numbers are the tables', it needs nothing from outside, and text of runs stays text."""

import base64
import csv
import io
import json
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.command_line import Cli
from support.generation import write_table
from support.latent_spaces import write_report
from support.runs import measured_row, probe_key, probe_results, run_key, system_card, write_probe, write_run

from m2l_bench.cards import ProbeSettings
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.classification import Truth
from m2l_bench.metrics.probe_scores import mean_confusion, measure
from m2l_bench.plots.explanations import explanation
from m2l_bench.plots.looks import KNOWN
from m2l_bench.progress import Quiet
from m2l_bench.report.gather import gather
from m2l_bench.report.page import to_html
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.schema import MetricResult, Origin, Row, Session
from m2l_bench.tables import ablation, significance
from m2l_bench.tables import every as all_tables
from m2l_bench.tables import formats as table_formats
from m2l_bench.tables import reconstruction as tables
from m2l_bench.tables.published import TABLE2

EVIL = "<script>alert('x')</script><img src=x onerror=y>"
SHA = "ab" * 32


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, text, and the figures of systems by table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[tuple[str, list[str]]]] = {}
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.tags.append((tag, values))
        if tag == "table":
            self.table = self.rows.setdefault(values.get("aria-labelledby") or "", [])
        if tag == "tr" and "data-system" in values:
            self.table.append((values["data-system"] or "", []))
        if tag == "data":
            self.table[-1][1].append(values["value"] or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def make_run(
    out: Path, system: str, figures: np.ndarray, *, title: str = "", paper_row: str = "", steps: int | None = None
) -> Path:
    """Write a finished run with SI-SDR of clips, one of which failed."""
    default_steps = 1 if steps else None
    card = system_card(
        system,
        title=title or system.title(),
        paper_row=paper_row,
        steps=default_steps,
        weights={
            "network": {"repository": "lab/model", "filename": "net.safetensors", "revision": "r1", "sha256": SHA}
        },
        licence={"code": "MIT", "weights": "CC-BY-4.0"},
        source="javascript:alert(1)" if title == EVIL else "https://example.org/model",
        citation="Somebody, Somewhere, 2026",
    )
    session = Session(
        started="2026-01-02T03:04:05.678+00:00",
        finished="2026-01-02T03:09:00.000+00:00",
        host="secret-host",
        platform="Linux",
        python="3.11",
        cores=2,
        device="cpu",
        processor="Abacus 9",
        clips=len(figures) + 1,
        packages={"numpy": "2.4.6"},
        not_measured={"fad": "its weights are not on this machine: m2l-bench weights get vggish"},
    )
    rows = [measured_row(f"song{i:02}", {"si_sdr_db": float(figure)}, channels=2) for i, figure in enumerate(figures)]
    rows.append(Row(id=EVIL, status="failed", reason=f"because {EVIL}"))
    place = {"dataset": "songs", "root": "/secret/folder", "weights_sha256": SHA}
    return write_run(out, run_key(system, steps=steps, default_steps=default_steps, **place), rows, card, session)


def make_probe(out: Path, model: str, skill: float) -> None:
    """Write a probe of three classes that is right on about this part of the clips."""
    rng = np.random.default_rng(len(model))
    truth = Truth(("a", "b", "c"), np.arange(30) % 3)
    scores = rng.random((2, 30, 3)) + skill * np.eye(3)[truth.labels]
    key = probe_key(model, dataset="d" * 64, settings=ProbeSettings(batch_size=16, l2=1e-5))
    results = probe_results(
        metrics={"micro_f1": MetricResult(**asdict(measure("micro_f1", truth, scores)))},
        classes=list(truth.classes),
        confusion=mean_confusion(truth, scores),
    )
    made = Origin(started="2026-02-03T00:00:00.000+00:00", packages={"numpy": "2.4.6"}, host="secret-host")
    write_probe(out, key, results, [truth.classes[label] for label in truth.labels], scores.astype(np.float32), made)


def page_of(out: Path, task: str | None = None) -> str:
    return to_html(gather(out, task, ORIGINALS, Quiet(), "paper"), "Report")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems over songs, one with two numbers of steps; two probes; an ablation."""
    out, rng = tmp_path_factory.mktemp("report") / "runs", np.random.default_rng(0)
    figures = rng.normal(5, 3, 12)
    make_run(out, "dac", figures, paper_row="DAC", title="DAC & friends")
    make_run(out, "denoiser", figures - 3 + rng.normal(0, 0.2, 12), steps=1, title=EVIL)
    make_run(out, "denoiser", figures - 2 + rng.normal(0, 0.2, 12), steps=4, title=EVIL)
    make_probe(out, "good", 3.0)
    make_probe(out, "poor", 0.2)
    clips = [
        {"system": variant.name, "seed": 0, "clip": clip, "parameters": 7, "iterations": 100, "crops": 800}
        | dict.fromkeys(ablation.METRICS, clip + i)
        for i, variant in enumerate(ablation.VARIANTS)
        for clip in range(4)
    ]
    rows = pd.DataFrame(clips)
    ablation.write_ablation(ablation.ablation_table(rows), rows, out / "ablation")
    return out


@pytest.fixture(scope="module")
def html(runs: Path) -> str:
    return page_of(runs)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_its_numbers_are_those_of_the_tables(runs: Path, page: Page, tmp_path: Path) -> None:
    written = all_tables.regenerate(runs, None, tmp_path, beside="paper")
    for name, where in (("table2", "reconstruction-of-songs-table-1"), ("mini/table1", "probes-other-tasks-table-1")):
        shown = [column.name for column, _ in table_formats.shown_columns(written.tables[name])]
        rows = csv.DictReader(io.StringIO((tmp_path / f"{name}.csv").read_text()))
        figures = [(row["system"], [row[name] for name in shown if row[name]]) for row in rows]
        assert page.rows[where] == [(system, values) for system, values in figures if values]
    for name in ("table2.csv", "significance.csv"):
        downloads = [tag["href"] for kind, tag in page.tags if kind == "a" and tag.get("download") == name]
        assert base64.b64decode((downloads[0] or "").partition("base64,")[2]).decode() == (tmp_path / name).read_text()


def test_the_papers_figures_and_the_differences_from_them(runs: Path, page: Page) -> None:
    value = tables.reconstruction_table(runs).data.set_index("system").loc["dac", "si_sdr_db"]
    assert f"9.48 {value - 9.48:+.2f}" in page.text
    assert "DAC & friends" in page.text
    assert "musika" in page.text and "-25.81" not in page.text, "what was not measured has a note, and no empty row"
    assert "fad: not measured: its weights are not on this machine: m2l-bench weights get vggish" in page.text


def test_published_figures_have_the_name_of_their_source_and_are_not_compared(runs: Path, page: Page) -> None:
    html = to_html(gather(runs, "songs", ORIGINALS, Quiet(), "rerun"), "Report")
    shown, alone = Page(html), Page(to_html(gather(runs, "songs", ORIGINALS, Quiet()), "Report"))
    value = tables.reconstruction_table(runs).data.set_index("system").loc["dac", "si_sdr_db"]
    assert "SI-SDR (dB) ↑ rerun Δ" in shown.text and f"9.73 {value - 9.726:+.2f}" in shown.text
    assert f"; rerun: {TABLE2['rerun'].footnote}." in shown.text and "published figure (rerun)" in shown.text
    assert shown.text.count("Published figures were measured by others") == 1
    compared = [name for name in shown.rows if name.startswith("differences")]
    assert [shown.rows[name] for name in compared] == [alone.rows[name] for name in compared]
    assert "ublished figure" not in alone.text and "rerun" not in alone.text
    assert "SI-SDR (dB) ↑ paper Δ" in page.text and "Music2Latent paper, Table 2 (all of MusicCaps)" in page.text


def test_the_headline_says_what_is_best_and_how_sure_that_is(runs: Path, page: Page) -> None:
    mean = next(run for run in measured_runs(runs).runs if run.name == "dac").figure("si_sdr_db")
    assert f"DAC & friends is best by SI-SDR ({mean[0]:.2f} dB; significantly better than all 2 others)." in page.text


def test_a_headline_is_as_sure_as_the_test(tmp_path: Path) -> None:
    figures = np.random.default_rng(1).normal(5, 3, 12)
    for name, shift in (("good", 0.0), ("similar", -0.01), ("bad", -3.0)):
        make_run(tmp_path, name, figures + shift + np.random.default_rng(len(name)).normal(0, 0.2, 12))
    assert "significantly better than 1 of 2, undecided against" in Page(page_of(tmp_path)).text
    make_run(tmp_path / "few", "good", figures[:3])
    make_run(tmp_path / "few", "bad", figures[:3] - 1)
    assert (
        f"Good is best by SI-SDR ({figures[:3].mean():.2f} dB; 3 clips cannot make that certain)."
        in Page(page_of(tmp_path / "few")).text
    )


def test_it_links_to_the_clips_of_a_page_beside_it(runs: Path, tmp_path: Path) -> None:
    clips = [{"id": id} for id in ("song00", "song01 & more", "song02")]
    data = {"dataset": "songs", "clips": clips, "systems": [{"name": "dac"}]}
    (tmp_path / "a page").mkdir()
    (tmp_path / "a page" / "data.js").write_text(f"const DATA = {json.dumps(data)};\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.js").write_text("const DATA = {};\n")
    html = to_html(gather(runs, "songs", ORIGINALS, Quiet(), linked_from=tmp_path), "Report")
    assert "index.html" not in html, "it may be a page of something else"
    for folder in ("a page", "other"):
        (tmp_path / folder / ".finished.jsonl").touch()
    links = [
        tag["href"]
        for kind, tag in Page(to_html(gather(runs, "songs", ORIGINALS, Quiet(), linked_from=tmp_path), "")).tags
        if kind == "a"
    ]
    for fragment in ("", "#clip=song00", "#clip=song01+%26+more", "#system=dac"):
        assert f"a%20page/index.html{fragment}" in links


def test_systems_have_their_colours(page: Page) -> None:
    marks = [tag["fill"] for kind, tag in page.tags if kind == "path"]
    assert KNOWN["dac"].colour in marks and len(set(marks)) >= 2


def test_where_the_numbers_come_from_is_folded(html: str) -> None:
    for text in html.split("Where the numbers come from")[:-1]:
        assert text.rpartition("<details")[2].startswith(' class="provenance">')


def test_differences_have_two_sides(runs: Path, page: Page) -> None:
    measured = measured_runs(runs)
    differences = significance.differences(tables.in_table_order(measured.runs, tables.reconstruction_table(runs)))
    pair = differences[(differences["first"] == "dac") & (differences["second"] == "denoiser")].iloc[0]
    assert pair["better"] == "dac"
    assert f"{pair['difference']:+.2f} better [{pair['low']:+.2f}, {pair['high']:+.2f}]" in page.text
    assert f"{-pair['difference']:+.2f} worse [{-pair['high']:+.2f}, {-pair['low']:+.2f}]" in page.text


def test_steps_ablation_and_probes_are_there(page: Page) -> None:
    for text in ("Quality against denoising steps", "+ Adaptive Freq Scaling", "Toy", "(percentage points)"):
        assert text in page.text
    images = [tag for kind, tag in page.tags if kind == "img"]
    assert len(images) >= 3 and all(tag["alt"] for tag in images)


def test_where_numbers_come_from(page: Page) -> None:
    for text in (SHA, "lab/model/net.safetensors at r1", "Abacus 9", "numpy 2.4.6", "seed 0, 4 steps", "12 measured"):
        assert text in page.text
    assert "Started 2026-01-02 03:04 UTC Finished 2026-01-02 03:09 UTC" in page.text
    assert "12 of 44.1 kHz stereo" in page.text and "of 13 in the dataset" in page.text


def test_it_loads_nothing_and_tells_no_secrets(html: str, page: Page) -> None:
    for kind, tag in page.tags:
        assert kind not in ("script", "link", "iframe", "object", "embed", "base")
        assert not [name for name in tag if name.startswith("on")]
        assert (tag.get("src") or "data:").startswith("data:")
        if kind == "a":
            assert (tag["href"] or "").startswith(("#", "https://", "data:text/csv;"))
    assert "url(" not in html and "@import" not in html and "default-src 'none'" in html
    assert "secret" not in html, "names of machines and paths of data"


def test_text_of_runs_is_text(page: Page) -> None:
    assert EVIL in page.text and f"because {EVIL}" in page.text
    assert {tag["src"] for kind, tag in page.tags if kind == "img"} - {"x"} == {
        tag["src"] for kind, tag in page.tags if kind == "img"
    }


def test_equal_runs_give_equal_files(runs: Path, html: str) -> None:
    assert page_of(runs) == html


def test_one_task_alone(runs: Path) -> None:
    only = Page(page_of(runs, "toy"))
    assert "Reconstruction of" not in only.text and "Ablation" not in only.text and "Toy" in only.text
    with pytest.raises(UserError, match="no runs over 'other'; there are songs, toy"):
        page_of(runs, "other")


def test_bad_runs_are_one_line(tmp_path: Path, cli: Cli) -> None:
    with pytest.raises(UserError, match="no runs there; `m2l-bench reconstruct` makes them"):
        page_of(tmp_path)
    good = make_run(tmp_path / "runs", "good", np.arange(9.0))
    bad = make_run(tmp_path / "runs", "bad", np.arange(9.0))
    manifest = json.loads((bad / "manifest.json").read_text())
    for content, problem in (
        ("{", "not a run's manifest"),
        ("[]", "not a run's manifest"),
        (json.dumps({"schema_version": 2}), "'key': Field required"),
        (json.dumps({**manifest, "schema_version": 99}), "schema 99, this one reads up to 2"),
    ):
        (bad / "manifest.json").write_text(content)
        with pytest.raises(UserError, match=problem):
            page_of(tmp_path / "runs")
    result = cli("report", "runs", "-o", "out/report.html")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1 and "schema 99" in result.stderr
    (bad / "manifest.json").write_text(json.dumps(manifest))
    (bad / "clips.parquet").unlink()
    assert "bad: nothing measured yet" in Page(page_of(tmp_path / "runs")).text
    (good / "clips.parquet").unlink()
    assert "good: nothing measured yet" in Page(page_of(tmp_path / "runs")).text
    result = cli("report", "runs", "-o", "out/report.html")
    assert result.returncode == 0 and result.stderr == "wrote out/report.html\n"
    assert (tmp_path / "out" / "report.html").is_file()


def write_two_metrics(out: Path, systems: int = 3) -> None:
    """Write runs with SI-SDR, ViSQOL and mel distances; SI-SDR and ViSQOL say the opposite of each other."""
    rng = np.random.default_rng(5)
    for number in range(systems):
        figures = number + rng.normal(0, 1, 8)
        rows = [
            measured_row(f"song & {i}", {"si_sdr_db": value, "visqol": 5 - value, "mel_distance": rng.random()})
            for i, value in enumerate(figures.tolist())
        ]
        versions = dict.fromkeys(("si_sdr_db", "visqol", "mel_distance"), "1")
        write_run(out, run_key(f"s{number}", dataset="songs", metric_versions=versions), rows)


def test_where_metrics_disagree(tmp_path: Path, cli_here: Cli) -> None:
    write_two_metrics(tmp_path / "runs")
    answers = ["test,page,listener,seed,started,trial,trials,clip,position,system,role,score"]
    answers += [f"mushra,P,Anna,7,2026,1,8,song & {i},1,s{n},system,{9 * n + i}" for n in range(3) for i in range(8)]
    (tmp_path / "anna.csv").write_text("\n".join(answers))
    (tmp_path / "page").mkdir()
    clips = [{"id": f"song & {i}"} for i in range(8)]
    data = {"dataset": "songs", "clips": clips, "systems": [{"name": "s0"}]}
    (tmp_path / "page" / "data.js").write_text(f"const DATA = {json.dumps(data)};")
    (tmp_path / "page" / ".finished.jsonl").touch()
    assert cli_here("agreement", "--columns", "all", "--answers", "anna.csv").returncode == 0
    assert cli_here("report", "--columns", "all", "--answers", "anna.csv").returncode == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Where metrics disagree" in page.text and "Agreement of metrics is Spearman's" in page.text
    assert "SI-SDR ViSQOL -1.00 [-1.00, -1.00] -1.00 [-1.00, -1.00] song &" in page.text
    assert "Listeners (MUSHRA) ViSQOL" in page.text and "MUSHRA: mean scores of 1 listener" in page.text
    images = [tag["alt"] or "" for kind, tag in page.tags if kind == "img"]
    assert any(text.startswith("Which metrics agree.") for text in images)
    links = [tag.get("href") or "" for kind, tag in page.tags if kind == "a"]
    assert any(link.startswith("page/index.html#clip=song+%26+") for link in links)
    (csv_file,) = [tag["href"] for kind, tag in page.tags if kind == "a" and tag.get("download") == "agreement.csv"]
    written = (tmp_path / "runs" / "agreement.csv").read_text()
    assert base64.b64decode((csv_file or "").partition("base64,")[2]).decode() == written


def test_one_pair_of_metrics_has_a_row_and_no_figure_and_one_metric_has_no_part(runs: Path, tmp_path: Path) -> None:
    write_two_metrics(tmp_path, systems=2)
    page = Page(page_of(tmp_path))  # the columns of the paper's table
    assert "Where metrics disagree" in page.text and "fewer than 3 systems have both: all pairs" in page.text
    assert not any((tag.get("alt") or "").startswith("Which metrics agree") for _, tag in page.tags)
    assert "Where metrics disagree" not in Page(page_of(runs)).text


def test_every_metric_of_pairs_is_explained() -> None:
    for name, definition in PAIRED.items():
        assert explanation(name).endswith(f"{definition.direction.capitalize()}.")


def test_latents_that_were_measured_have_a_section(tmp_path: Path) -> None:
    write_report(tmp_path / "latents.csv", {"dac": {"predictability": (9.0, 8.0, 11.0)}, EVIL: {}})
    page = Page(page_of(tmp_path))
    assert [name for name, _ in page.rows["latents-table-1"]] == ["dac"]
    assert "Predictable bits" in page.text and "ignores its latents" in page.text
    assert Page(page_of(tmp_path, "songs")).text.count("Predictable bits")
    with pytest.raises(UserError, match="no runs over 'other'"):
        page_of(tmp_path, "other")


def test_generated_sets_have_a_section(tmp_path: Path) -> None:
    write_table(tmp_path / "generate" / "generate.csv")
    page = Page(page_of(tmp_path))
    (image,) = (values["src"] or "" for tag, values in page.tags if tag == "img")
    drawn = base64.b64decode(image.partition("base64,")[2]).decode()
    assert "Generation from latents" in page.text and "samples, seed 1" in drawn
    write_table(tmp_path / "again" / "generate.csv")
    assert len([tag for tag, _ in Page(page_of(tmp_path)).tags if tag == "img"]) == 2
