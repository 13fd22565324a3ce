"""What is drawn is what was measured, and what cannot be drawn is said in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from support.runs import MakeProbe, MakeRun

from m2l_bench.errors import UserError
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.plots import confusion, distribution, figure2, pareto, training
from m2l_bench.plots.looks import KNOWN
from m2l_bench.plots.runs import load_probes, load_runs
from m2l_bench.runs.distances import vectors_digest, write_distance
from m2l_bench.runs.reconstruction import read_rows
from m2l_bench.runs.schema import StoredDistance

TENTHS = {"sample_rate": 8_000, "channels": 1, "width": 1, "samples": 800}
Scores = dict[str, dict[str, float]]


def texts(figure: Figure) -> str:
    """Every text of the figure, one a line."""
    import matplotlib.text

    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def bars(axis: Any) -> list[tuple[float, float, float, float]]:
    """x, value, low and high of each marker with an interval."""
    markers = []
    for container in axis.containers:
        (x,), (value,) = container[0].get_data()
        low, high = container[2][0].get_segments()[0][:, 1]
        markers.append((x, value, low, high))
    return markers


class TestDistribution:
    def test_means_intervals_and_clips_are_those_of_the_rows(
        self, tmp_path: Path, make_run: MakeRun, scores: Scores
    ) -> None:
        better = {name: {id: value + 1 for id, value in values.items()} for name, values in scores.items()}
        make_run("musika", better, card={"paper_row": "Musika"})
        make_run("dac", scores, card={"paper_row": "DAC"})
        drawn = distribution.figure(load_runs([tmp_path / "runs"]))
        assert len(drawn.axes) == 2
        for axis, name in zip(drawn.axes, scores, strict=True):
            assert [tick.get_text() for tick in axis.get_xticklabels()] == ["Musika", "Dac"]  # the paper's order
            for (_, *shown), measured in zip(bars(axis), (better[name], scores[name]), strict=True):
                values = np.array([measured[id] for id in sorted(measured)])
                assert shown == pytest.approx([values.mean(), *bootstrap_interval(values)])
            lines = {tuple(line.get_ydata()) for line in axis.lines if len(line.get_xdata()) == 2}
            assert {(better[name][id], scores[name][id]) for id in scores[name]} <= lines
            colours = {to_hex(line.get_color()).upper() for line in axis.lines}
            assert {KNOWN["dac"].colour, KNOWN["musika"].colour} <= colours
        assert "SI-SDR (dB)\nhigher is better →" in texts(drawn)

        turned = distribution.figure(load_runs([tmp_path / "runs"], models=["dac", "musika"]))
        assert [tick.get_text() for tick in turned.axes[0].get_xticklabels()] == ["Dac", "Musika"]

    def test_exact_copies_and_missing_metrics_are_said(self, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
        make_run("copy", {"si_sdr_db": dict.fromkeys(scores["si_sdr_db"], float("inf"))})
        make_run("dac", scores)
        shown = texts(distribution.figure(load_runs([tmp_path / "runs"])))
        assert "10 exact" in shown and "visqol: not measured on Copy" in shown

    def test_of_many_clips_the_shape_is_drawn(self, tmp_path: Path, make_run: MakeRun) -> None:
        values = {f"{i}": float(i) for i in range(distribution.MOST_LINES + 1)}
        make_run("dac", {"si_sdr_db": values})
        (axis,) = distribution.figure(load_runs([tmp_path / "runs"])).axes
        assert len(axis.collections) > 0 and not [line for line in axis.lines if len(line.get_ydata()) > 10]

    def test_a_metric_that_nobody_has(self, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
        make_run("dac", {"si_sdr_db": scores["si_sdr_db"]})
        runs = load_runs([tmp_path / "runs"])
        with pytest.raises(UserError, match="visqol: on dac not measured"):
            distribution.figure(runs, ["visqol"])
        with pytest.raises(UserError, match="no metric 'fad' with a value for each clip; there are si_sdr_db, visqol"):
            distribution.figure(runs, ["fad"])
        with pytest.raises(UserError, match="fad: on dac not measured: no weights: get them"):
            pareto.figure(runs, ["fad"])


class TestPareto:
    def test_places_front_and_notes(self, tmp_path: Path, make_run: MakeRun) -> None:
        cost = {"encode_seconds": 0.1, "decode_seconds": 0.3}
        widths = {"small": (1, 1.0), "worse": (2, 0.0), "large": (4, 2.0)}
        for name, (width, quality) in widths.items():
            floats = {"kind": "neural", "latents": TENTHS | {"width": width}}
            make_run(name, {"si_sdr_db": {"a": quality, "b": quality}}, card=floats, cost=cost)
        codes = {"latents": TENTHS | {"samples": 1600, "bits": 8}}
        make_run("codes", {"si_sdr_db": {"a": 0.5, "b": 0.5}}, card=codes)
        make_run("anchor", {"si_sdr_db": {"a": 9.0, "b": 9.0}}, card={"kind": "anchor"})
        drawn = pareto.figure(load_runs([tmp_path / "runs"]))
        by_kilobits, by_values, by_speed = drawn.axes
        assert [x for x, *_ in bars(by_kilobits)] == pytest.approx([0.04, 0.32, 0.64, 1.28])
        assert [(x, y) for x, y, *_ in bars(by_values)] == [(10, 1.0), (20, 0.0), (40, 2.0)]
        assert [x for x, *_ in bars(by_speed)] == pytest.approx([2.5] * 3)
        front = by_values.lines[0]
        assert front.get_xydata().tolist() == [[10, 1.0], [40, 2.0]]
        assert "Anchor: transmits nothing, so it has no rate" in texts(drawn)

    def test_distances_are_those_to_the_reference(self, tmp_path: Path, make_run: MakeRun) -> None:
        cost = {"latent_values": 10, "latent_bytes": 40}
        frames = {id: {"frames": {"fad": 3}} for id in "ab"}
        folder = make_run("mine", {"fad": dict.fromkeys("ab")}, cost=cost, rows=frames)
        digest = vectors_digest("fad", "1", "r", read_rows(folder))
        distance = StoredDistance(digest=digest, reference_digest="r", value=3.0, low=2.0, high=5.0, clips=2)
        write_distance(folder, "fma", "fad", distance)
        drawn = pareto.figure(load_runs([tmp_path / "runs"], reference="fma"))
        assert bars(drawn.axes[0]) == [(pytest.approx(0.32), 3.0, 2.0, 5.0)]
        assert "FAD\n← lower is better" in texts(drawn)
        with pytest.raises(UserError, match="fad: on mine no value, or none against this reference"):
            pareto.figure(load_runs([tmp_path / "runs"]), ["fad"])

    def test_one_point_has_an_axis_with_labels(self, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
        make_run("mine", scores, cost={"latent_values": 689, "latent_bytes": 2756})
        drawn = pareto.figure(load_runs([tmp_path / "runs"]))
        drawn.draw_without_rendering()
        for axis in drawn.axes:
            low, high = axis.get_xlim()
            inside = [tick for tick in axis.xaxis.get_majorticklocs() if low <= tick <= high]
            assert len(inside) >= 2 and 4 < high / low < 20

    def test_nothing_known_of_any(self, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
        make_run("anchor", scores, card={"kind": "anchor"})
        with pytest.raises(UserError, match="anchor: no rate and no speed is known"):
            pareto.figure(load_runs([tmp_path / "runs"]))


class TestFigure2:
    def test_a_point_a_number_of_steps_and_the_papers_beside(
        self, tmp_path: Path, make_run: MakeRun, scores: Scores
    ) -> None:
        better = {name: {id: value + 1 for id, value in values.items()} for name, values in scores.items()}
        for steps, measured in ((4, better), (1, scores)):
            make_run("music2latent", measured, steps=steps, card={"paper_row": "Music2Latent"})
        make_run("music2latent", better, steps=1, seed=1)
        make_run("dac", scores)
        drawn = figure2.figure(load_runs([tmp_path / "runs"]))
        for axis, name, paper in zip(drawn.axes, scores, (-3.85, 3.84), strict=True):
            mean = np.mean(list(scores[name].values()))
            line, published = axis.lines
            assert line.get_xydata() == pytest.approx(np.array([[1, mean], [4, mean + 1]]))
            band = axis.collections[0].get_paths()[0].vertices
            assert band[:, 1].max() > mean + 1 and band[:, 1].min() < mean
            assert set(published.get_ydata()) == {paper}
            assert [f"{tick:g}" for tick in axis.get_xticks()] == ["1", "4"]
        assert "paper, 1 step" in texts(drawn) and figure2.PAPER in texts(drawn)

    def test_without_a_row_in_the_paper_nothing_is_beside(
        self, tmp_path: Path, make_run: MakeRun, scores: Scores
    ) -> None:
        make_run("mine", scores, steps=1)
        with pytest.raises(UserError, match="with 1 step: first run `m2l-bench sweep --models mine --steps 1,2,4,8`"):
            figure2.figure(load_runs([tmp_path / "runs"]))
        make_run("mine", scores, steps=2)
        drawn = figure2.figure(load_runs([tmp_path / "runs"]))
        assert "paper" not in texts(drawn) and [len(axis.lines) for axis in drawn.axes] == [1, 1]

    def test_systems_without_steps(self, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
        make_run("dac", scores)
        with pytest.raises(UserError, match="dac: no denoising steps; `m2l-bench sweep`"):
            figure2.figure(load_runs([tmp_path / "runs"]))


class TestTraining:
    def test_of_iterations_done_twice_the_last_counts(self, tmp_path: Path) -> None:
        rows = [{"iteration": 1, "loss": 9.0}, {"iteration": 2, "loss": 5.0}, {"iteration": 2, "loss": 4.0}]
        self.write(tmp_path / "one", [*rows, {"iteration": 2, "si_sdr_db": -3.0}])
        self.write(tmp_path / "two", rows[:1])
        drawn = training.figure(training.read_logs([tmp_path / "one", tmp_path / "two"]))
        loss, held_out = drawn.axes
        assert loss.lines[0].get_xydata().tolist() == [[1, 9], [2, 4]] and len(loss.lines) == 2
        assert len(held_out.lines) == 1
        assert {"one", "two"} <= set(texts(drawn).splitlines())

    def test_of_equal_names_the_paths_are_shown(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            self.write(tmp_path / name / "run", [{"iteration": 1, "loss": 9.0}])
        assert [*training.read_logs([tmp_path / "a/run", tmp_path / "b/run"])] == [
            str(tmp_path / "a/run"),
            str(tmp_path / "b/run"),
        ]

    @pytest.mark.parametrize(
        ("content", "message"), [(None, "not the log"), ("{\n", "not the log"), ("{", "nothing logged")]
    )
    def test_no_log(self, tmp_path: Path, content: str | None, message: str) -> None:
        if content is not None:
            (tmp_path / "log.jsonl").write_text(content)
        with pytest.raises(UserError, match=message):
            training.figure(training.read_logs([tmp_path]))

    @staticmethod
    def write(folder: Path, rows: list[dict[str, Any]]) -> None:
        folder.mkdir(parents=True)
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


class TestConfusion:
    def test_rows_are_percent_of_the_true_class(self, tmp_path: Path, make_probe: MakeProbe) -> None:
        make_probe("mine", [[8, 2, 0], [0, 0, 0], [1, 1, 2]])
        drawn = confusion.figure(load_probes([tmp_path / "runs"]))
        image = drawn.axes[0].images[0].get_array()
        assert np.ma.filled(image, np.nan)[[0, 2]].tolist() == [[80, 20, 0], [25, 25, 50]]
        assert np.ma.filled(image[1], np.nan) == pytest.approx([np.nan] * 3, nan_ok=True)
        assert [tick.get_text() for tick in drawn.axes[0].get_yticklabels()] == ["a", "b", "c"]
        assert {"Mine", "true", "predicted", "80"} <= set(texts(drawn).splitlines())

    def test_tags_have_none(self, tmp_path: Path, make_probe: MakeProbe) -> None:
        make_probe("tags", None)
        with pytest.raises(UserError, match="toy: clips have several tags each, so there is no confusion matrix"):
            confusion.figure(load_probes([tmp_path / "runs"]))
        make_probe("mine", [[1, 0], [0, 1]], "ab")
        drawn = confusion.figure(load_probes([tmp_path / "runs"]))
        assert "Mine" in texts(drawn) and "Toy task: several tags a clip, so no confusion matrix" in texts(drawn)
