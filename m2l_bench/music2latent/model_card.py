"""The model card of weights on the hub (README.md): what is known of the model, its training and its figures.

Its metadata are those that the hub reads, with the figures as `model-index`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from m2l_bench.music2latent.config import PRESETS, Config
from m2l_bench.music2latent.networks import Networks

if TYPE_CHECKING:
    from pandas import DataFrame

    from m2l_bench.music2latent.training.record import TrainingRecord

PAPER = "https://arxiv.org/abs/2408.06500"
TAGS = ["audio", "music", "autoencoder", "consistency-models", "music2latent"]
NOT_METRICS = ("dataset", "system", "clips")
"""Columns of a table of figures that are no metrics."""


def model_card(
    repository: str,
    networks: Networks,
    license: str | None = None,
    results: DataFrame | None = None,
    training: TrainingRecord | None = None,
    curve: str = "",
) -> str:
    """Write the card.

    Args:
        repository: `owner/name`.
        license: identifier of the hub, such as `cc-by-4.0`; default: none is named.
        results, training: see `publishing.push_to_hub`.
        curve: file name of a drawing of the loss in the repository.

    Raises:
        ValueError: a table of figures without this model or without the names of the datasets.
    """
    from huggingface_hub import ModelCardData

    name = repository.split("/")[-1]
    rows = [] if results is None else _rows(results)
    evaluations = _evaluations(name, rows)
    metadata = ModelCardData(
        license=license,
        library_name="m2l-bench",
        pipeline_tag="audio-to-audio",
        tags=TAGS,
        model_name=name if evaluations else None,
        eval_results=evaluations or None,
    )
    parts = [
        f"---\n{metadata.to_yaml()}\n---",
        f"# {name}",
        _summary(networks),
        _usage(repository),
        _configuration(networks),
        _training(training, curve) if training else "",
        _figures(rows),
        f"Music2Latent: [Pasini, Lattner, Fazekas, ISMIR 2024]({PAPER}). This card was written by m2l-bench.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(networks: Networks) -> str:
    config = networks.config
    return (
        f"A Music2Latent autoencoder of music: {config.latent_channels} numbers per latent vector, "
        f"{config.sample_rate / config.samples_per_latent:.4g} vectors per second of one channel at "
        f"{config.sample_rate:,} Hz."
    )


def _usage(repository: str) -> str:
    return f"""```python
from m2l_bench.music2latent import Music2Latent

model = Music2Latent.from_pretrained("{repository}")
latents = model.encode(audio, sample_rate=rate)  # (channels, width, frames)
again = model.decode(latents, samples=audio.shape[-1], sample_rate=rate)
```"""


def _configuration(networks: Networks) -> str:
    config = networks.config
    preset = next((name for name, known in PRESETS.items() if known == config), "")
    parameters = sum(parameter.numel() for parameter in networks.parameters())
    rows = {"parameters": f"{parameters:,}", "preset": f"`{preset}`" if preset else _changes(config)}
    return "## Configuration\n\n" + _list(rows) + "\n\n`config.json` has every field."


def _changes(config: Config) -> str:
    """Name the fields in which a configuration of its own differs from the paper's."""
    paper = asdict(PRESETS["paper"])
    changed = [f"{field} {value}" for field, value in asdict(config).items() if value != paper[field]]
    return f"none; it differs from `paper` in {', '.join(changed)}"


def _training(training: TrainingRecord, curve: str) -> str:
    recipe = training.recipe
    of_all = f" of {training.iterations:,}" if training.iterations else ""
    rows = {
        "iterations": f"{training.iteration:,}{of_all}",
        "crops": f"{training.crops:,} ({recipe.batch_size} per iteration)",
        "hours of training": f"{training.seconds / 3600:.2f}",
        "optimiser": f"{recipe.optimiser}, learning rate {recipe.learning_rate:g} to {recipe.final_learning_rate:g}",
        "random seed": str(training.seed),
    }
    if training.skipped:
        rows["steps left out"] = f"{training.skipped:,} (loss or gradient not finite)"
    parts = ["## Training", _list(rows)]
    held_out = [row for row in training.log if "loss" not in row]
    if held_out:
        figures = {name: value for name, value in held_out[-1].items() if name not in ("iteration", "seconds")}
        text = ", ".join(f"`{name}` {value:.2f}" for name, value in figures.items())
        parts.append(f"On held-out music at iteration {held_out[-1]['iteration']:,}: {text}.")
    if curve:
        parts.append(f"![Loss over the iterations]({curve})")
    if training.log:
        parts.append("[`log.jsonl`](log.jsonl) has the losses and the held-out figures.")
    if training.corpora:
        licences = [_licences(corpus.hours_by_licence) for corpus in training.corpora]
        data = [
            [corpus.name, f"{corpus.files:,}", f"{corpus.hours:.2f}", f"{100 * corpus.share:.0f} %", text]
            for corpus, text in zip(training.corpora, licences, strict=True)
        ]
        parts.append(_table(["data", "files", "hours", "share of the crops", "licences (hours)"], data))
    return "\n\n".join(parts)


def _licences(hours: Mapping[str, float]) -> str:
    return ", ".join(f"{licence or 'not stated'} ({value:.2f})" for licence, value in hours.items())


def _rows(results: DataFrame) -> list[dict[str, Any]]:
    """Rows of a table whose index may hold the names of the systems."""
    data = results.reset_index() if any(results.index.names) else results
    if "dataset" not in data:
        raise ValueError("results: no column 'dataset'; add one, as with results.assign(dataset='bundled')")
    return [{str(key): value for key, value in row.items()} for row in data.to_dict("records")]


def _evaluations(name: str, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Figures of this model for the metadata."""
    from huggingface_hub import EvalResult

    own = [row for row in rows if row.get("system", name) == name]
    if rows and not own:
        systems = ", ".join(sorted({str(row["system"]) for row in rows}))
        raise ValueError(f"results: no row of the system '{name}', only of {systems}")
    return [
        EvalResult(
            task_type="audio-to-audio",
            task_name="Reconstruction",
            dataset_type=str(row["dataset"]),
            dataset_name=str(row["dataset"]),
            metric_type=metric,
            metric_name=metric,
            metric_value=round(float(row[metric]), 4),
        )
        for row in own
        for metric in _metrics([row])
    ]


def _figures(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    metrics = _metrics(rows)
    names = [column for column in NOT_METRICS if any(column in row for row in rows)]
    cells = [
        [*(row.get(column, "") for column in names), *(_figure(row, metric) for metric in metrics)] for row in rows
    ]
    return "## Measured\n\nMean over clips, with its interval where it was computed.\n\n" + _table(
        names + metrics, cells
    )


def _metrics(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Columns with a number in at least one row; not the ends of intervals, which stand beside their figures."""
    columns = list(dict.fromkeys(column for row in rows for column in row if column not in NOT_METRICS))
    ends = {f"{column}_{end}" for column in columns for end in ("low", "high")}
    return [column for column in columns if column not in ends and any(_is_number(row.get(column)) for row in rows)]


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def _figure(row: Mapping[str, Any], metric: str) -> str:
    value, low, high = (row.get(name) for name in (metric, f"{metric}_low", f"{metric}_high"))
    if not _is_number(value):
        return ""
    interval = f" [{low:.2f}, {high:.2f}]" if _is_number(low) and _is_number(high) else ""
    return f"{value:.2f}{interval}"


def _list(rows: Mapping[str, str]) -> str:
    return _table(["", ""], [[name, value] for name, value in rows.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
