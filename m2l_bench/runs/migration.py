"""Manifests of earlier schema versions -> the present one. Numbers are never touched.

Schema 1 (version 0.1) knew adapters and loaders by Python paths and had no versions of them: all were at version 1.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from m2l_bench.cards import SystemCard
from m2l_bench.digests import digest
from m2l_bench.former_names import DATASETS, SHORT_NAMES

FORMER_DESCRIBING = {"title", "description", "citation", "source", "licence", "latents", "paper_row", "recordings"}
"""Keys of a system's card that were left out of its digest."""
FORMER_TASKS = {
    hashlib.sha256(f"{former} {{}}".encode()).hexdigest(): digest({"dataset": name, "options": {}})
    for name, former in DATASETS.items()
}
"""Digests of a loader without options; those of other tasks are kept as they are, and never match."""


def migrated(manifest: dict[str, Any]) -> dict[str, Any]:
    """Bring a reconstruction's manifest to schema 2; any other is returned as it is."""
    if manifest.get("schema_version") != 1 or not {"key", "card"} <= manifest.keys():
        return manifest
    key, former_card = manifest["key"], manifest["card"]
    card = former_card | {"adapter": _short(former_card.get("adapter", ""))}
    key = key | {
        "task_digest": FORMER_TASKS.get(key["task_digest"], key["task_digest"]),
        "versions": {"adapter": "1", "runner": "1", "loader": "1"},
    }
    if key["card_digest"] == _former_card_digest(former_card):
        key["card_digest"] = SystemCard.model_validate(card).digest
    return manifest | {"schema_version": 2, "key": key, "card": card}


def migrated_probe(manifest: dict[str, Any]) -> dict[str, Any]:
    """Bring a probe's manifest to schema 2; any other is returned as it is."""
    if manifest.get("schema_version") != 1:
        return manifest
    key, task, card = manifest["key"], manifest["task"], manifest["card"]
    dataset = _short(task["dataset"])
    key = key | {"versions": {**key["versions"], "loader": "1"}}
    if key["task_digest"] == _sha256([task["dataset"], task["options"], task["metrics"]]):
        key["task_digest"] = digest([dataset, task["options"], task["metrics"]])
    return manifest | {
        "schema_version": 2,
        "key": key,
        "task": task | {"dataset": dataset},
        "card": card | {"adapter": _short(card["adapter"])},
    }


def _short(path: str) -> str:
    return SHORT_NAMES.get(path, path)


def _former_card_digest(card: dict[str, Any]) -> str:
    return digest({name: value for name, value in card.items() if name not in FORMER_DESCRIBING})


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
