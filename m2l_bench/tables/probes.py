"""Table 1 from probes on disk, beside the paper's figures; differences between models; learning curves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.metrics.classification import METRICS
from m2l_bench.metrics.probe_scores import RESAMPLES
from m2l_bench.runs.probe import ProbeRun, find_probes, newest_probes
from m2l_bench.runs.schema import MetricResult, StoredTaskCard
from m2l_bench.tables.formats import Column, Table, frame_to_csv
from m2l_bench.tables.probe_differences import paired_difference
from m2l_bench.tables.published import TABLE1, Published
from m2l_bench.text import counted, first_of

PERCENT = 100.0
CLASSIFIERS = {"mlp": "", "linear": ", linear probe", "knn": ", nearest neighbours"}


@dataclass
class Probes:
    """The runs that a table shows, and notes about the others."""

    runs: dict[tuple[str, str], ProbeRun]
    """Runs by task and label of the model."""
    notes: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> dict[str, StoredTaskCard]:
        """Cards of the tasks as the runs stored them; tasks with columns in the paper come first, in its order."""
        cards = {task: run.manifest.task for (task, _), run in self.runs.items()}
        order = list(TABLE1.rows.columns)
        rank = {task: min(map(order.index, card.table1.values()), default=99) for task, card in cards.items()}
        return {task: cards[task] for task in sorted(cards, key=lambda task: (rank[task], task))}

    def runs_on(self, task: str) -> dict[str, ProbeRun]:
        """Runs of a task by label."""
        return {label: run for (other, label), run in self.runs.items() if other == task}


def load_probes(out: Path, is_shown: Callable[[ProbeRun], bool]) -> Probes:
    """Find the newest run of each model, classifier and fraction, on the newest version of each task's data.

    Args:
        is_shown: returns whether a finished run is to be considered at all.
    """
    return Probes(*newest_probes(filter(is_shown, find_probes(out))))


def has_paper_columns(run: ProbeRun) -> bool:
    """Whether the run's task is one of the paper's; other tasks are never set beside its figures."""
    return bool(run.manifest.task.table1)


def probe_table(probes: Probes) -> Table:
    """Make Table 1: one row per model, one column per task and metric, in percent.

    If any task is the paper's, all columns and rows of the paper are included, measured or not.

    Raises:
        UserError: there are no runs.
    """
    if not probes.runs:
        raise UserError("no probes there; `m2l-bench probe` makes them")
    tasks = probes.tasks
    columns = [(task, metric) for task, card in tasks.items() for metric in card.metrics]
    names = {(task, metric): column_name(tasks[task], metric) for task, metric in columns}
    paper = TABLE1 if any(card.table1 for card in tasks.values()) else None
    headers = {names[pair]: f"{pair[0]}: {METRICS[pair[1]].title} (%) ↑" for pair in columns}
    headers = {**{name: name for name in (paper.rows.columns.drop("system") if paper else ())}, **headers}
    records, titles, models = [], {}, []
    for label in dict.fromkeys(label for _, label in probes.runs):
        runs = {task: run for (task, other), run in probes.runs.items() if other == label}
        any_run = next(iter(runs.values()))
        titles[label] = model_title(any_run)
        models.append(paper.model(any_run.manifest.card) if paper and label == any_run.key.model else "")
        figures = {
            names[task, metric]: run.results.metrics[metric]
            for task, run in runs.items()
            for metric in tasks[task].metrics
        }
        seeds = max(run.key.seeds for run in runs.values())
        records.append(_record(label, models[-1], seeds, figures, headers, paper))
    for model, name, title in paper.others(models) if paper else ():
        models.append(model)
        records.append(_record(name, model, 0, {}, headers, paper))
        titles[name] = title
    order = {model: i for i, model in enumerate(paper.rows.index if paper else ())}
    records.sort(key=lambda record: (order.get(record.pop("model"), len(order)), record["system"]))
    caption = f"Probes: mean over seeds [95 % bootstrap interval over test clips, {RESAMPLES} resamples]" + (
        f"; {paper.source}: {paper.footnote}." if paper else "."
    )
    table_columns = [Column(name, header, 1) for name, header in headers.items()]
    notes = [*probes.notes, *_notes(probes, tasks)]
    head, counts = ("Model", "Seeds"), ("seeds",)
    return Table(pd.DataFrame(records), titles, table_columns, notes, caption, head, counts, beside=paper)


def column_name(task: StoredTaskCard, metric: str) -> str:
    """Name of a column: the paper's where it has one, else a name of task and metric that the paper does not use."""
    default = f"{task.name}_{metric}".replace("-", "_")
    return task.table1.get(metric, default)


def differences(probes: Probes) -> pd.DataFrame:
    """Compare each pair of models, one row per task, metric and pair.

    Returns:
        columns `task`, `metric`, `first`, `second`; `difference` (first minus second), `low` and `high` (95 %
        interval) in percent; `p`; and `clips`, the number of common test clips.
    """
    rows = []
    for task, card in probes.tasks.items():
        runs = dict(sorted(probes.runs_on(task).items()))
        for metric in card.metrics:
            for (first, first_run), (second, second_run) in itertools.combinations(runs.items(), 2):
                comparison = paired_difference(metric, first_run, second_run)
                if comparison is not None:
                    names = {"task": task, "metric": metric, "first": first, "second": second}
                    figures = {name: PERCENT * getattr(comparison, name) for name in ("difference", "low", "high")}
                    rows.append({**names, **figures, "p": comparison.p, "clips": comparison.clips})
    return pd.DataFrame(rows)


def learning_curves(probes: Probes) -> pd.DataFrame:
    """Make learning curves, in percent: one row per task, model, part of the training set and metric.

    Only models that were trained on several parts are included.
    """
    rows = [
        {
            "task": task,
            "model": run.key.model,
            "classifier": run.key.classifier,
            "fraction": run.key.fraction,
            "train_clips": run.results.clips["train"],
            "metric": metric,
            **{name: _percent(getattr(figure, name)) for name in ("mean", "std", "low", "high")},
        }
        for (task, _), run in probes.runs.items()
        for metric, figure in run.results.metrics.items()
    ]
    if not rows:
        return pd.DataFrame()
    data = pd.DataFrame(rows).sort_values(["task", "model", "classifier", "metric", "fraction"])
    several = data.groupby(["task", "model", "classifier"])["fraction"].transform("nunique") > 1
    return data[several]


def write_csv(data: pd.DataFrame, path: Path, float_format: str = "%.4f") -> list[Path]:
    """Write a frame if it has rows, and return the paths that were written: one or none.

    Raises:
        UserError: the file cannot be written.
    """
    if data.empty:
        return []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(frame_to_csv(data, float_format), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write there ({error.strerror})") from error
    return [path]


def _record(
    label: str,
    model: str,
    seeds: int,
    figures: dict[str, MetricResult],
    columns: Iterable[str],
    paper: Published | None,
) -> dict[str, Any]:
    record: dict[str, Any] = {"system": label, "model": model, "seeds": seeds}
    for name in columns:
        figure = figures.get(name)
        for suffix, key in (("", "mean"), ("_low", "low"), ("_high", "high"), ("_std", "std")):
            record[name + suffix] = _percent(getattr(figure, key) if figure else None)
        if paper and name in paper.rows:
            record[paper.column(name)] = paper.figure(model, name)
    return record


def _percent(value: float | None) -> float:
    return float("nan") if value is None else PERCENT * value


def model_title(run: ProbeRun) -> str:
    """Title of the model, with the classifier if it is not the paper's, and the part of the training set."""
    part = "" if run.is_whole else f", {run.key.fraction:.3g} of the training clips"
    return run.manifest.card.title + CLASSIFIERS[run.key.classifier] + part


def _notes(probes: Probes, tasks: dict[str, StoredTaskCard]) -> list[str]:
    notes = []
    for task, card in tasks.items():
        runs = probes.runs_on(task)
        clips = {label: run.results.clips for label, run in runs.items()}
        most = max(clips.values(), key=lambda count: count["test"])
        notes.append(
            f"{task}: {card.title}; {most['train']} training, {most['validation']} validation and {most['test']} "
            f"test clips; batches of {card.probe.batch_size}"
        )
        for label, run in runs.items():
            failed = run.results.failed
            if failed:
                examples = first_of([f"{id!r}: {reason}" for id, reason in failed.items()], separator="; ")
                notes.append(f"{task}, {label}: {counted(len(failed), 'clip')} without features ({examples})")
            number_type = run.manifest.card.options.get("dtype", "float32")
            notes += [f"{task}, {label}: features computed in {number_type}"] if number_type != "float32" else []
            notes += [f"{task}, {label}: {note}" for note in run.results.notes]
    return notes
