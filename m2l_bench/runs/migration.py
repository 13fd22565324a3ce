"""Migration of manifests from earlier schema versions to the present one. Numbers are never changed.

Schema 1 (m2l-bench 0.1) named adapters and loaders by Python paths and did not record their versions, which were all 1.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from m2l_bench.cards import SystemCard
from m2l_bench.cards.former_names import DATASETS, SHORT_NAMES
from m2l_bench.digests import digest

FORMER_DESCRIBING = {"title", "description", "citation", "source", "licence", "latents", "paper_row", "recordings"}
"""Keys of a system's card that were not part of its digest."""
FORMER_TASKS = {
    hashlib.sha256(f"{former} {{}}".encode()).hexdigest(): digest({"dataset": name, "options": {}})
    for name, former in DATASETS.items()
}
"""Schema 1's digests of loaders without options, and the present ones. Digests of other tasks stay and never match."""


def migrated(manifest: dict[str, Any]) -> dict[str, Any]:
    """Migrate a reconstruction's manifest to schema 2; a newer or damaged one is returned as it is."""
    if manifest.get("schema_version") != 1:
        return manifest
    try:
        former_card, key = manifest["card"], dict(manifest["key"])
        card = former_card | {"adapter": _short_name(former_card["adapter"])}
        key["task_digest"] = FORMER_TASKS.get(key["task_digest"], key["task_digest"])
        key["versions"] = {"adapter": "1", "runner": "1", "loader": "1"}
        if key["card_digest"] == _former_card_digest(former_card):
            key["card_digest"] = SystemCard.model_validate(card).digest
    except (KeyError, TypeError, ValueError):
        return manifest | {"schema_version": 2}  # validation says what is missing
    return manifest | {"schema_version": 2, "key": key, "card": card}


def migrated_probe(manifest: dict[str, Any]) -> dict[str, Any]:
    """Migrate a probe's manifest to schema 2; a newer or damaged one is returned as it is."""
    if manifest.get("schema_version") != 1:
        return manifest
    try:
        key, task, card = dict(manifest["key"]), manifest["task"], manifest["card"]
        dataset = _short_name(task["dataset"])
        key["versions"] = key["versions"] | {"loader": "1"}
        if key["task_digest"] == _sha256([task["dataset"], task["options"], task["metrics"]]):
            key["task_digest"] = digest([dataset, task["options"], task["metrics"]])
        cards = {"task": task | {"dataset": dataset}, "card": card | {"adapter": _short_name(card["adapter"])}}
    except (KeyError, TypeError):
        return manifest | {"schema_version": 2}
    return manifest | {"schema_version": 2, "key": key} | cards


def _short_name(path: str) -> str:
    return SHORT_NAMES.get(path, path)


def _former_card_digest(card: dict[str, Any]) -> str:
    return digest({name: value for name, value in card.items() if name not in FORMER_DESCRIBING})


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
