"""Reading of YAML files of others: without running code in them, and of limited size."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import yaml

LARGEST = 100_000
"""Bytes."""
MOST_VALUES = 10_000
ERRORS = (OSError, ValueError, RecursionError, yaml.YAMLError)
"""What `read_yaml` raises for a file that is not readable."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file of limited size; aliases count as often as they are used.

    Raises:
        ValueError: it is too large.
    """
    with path.open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    loader = yaml.SafeLoader(text.decode())
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _count_values(root, {}) > MOST_VALUES:
            raise ValueError(f"its aliases stand for more than {MOST_VALUES:,} values")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _count_values(node: yaml.Node, counts: dict[int, float]) -> float:
    """Count the values below a node with every alias written out; infinite where an alias contains itself."""
    if id(node) not in counts:
        counts[id(node)] = inf
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in children for child in pair]
        counts[id(node)] = 1 + sum(_count_values(child, counts) for child in children)
    return counts[id(node)]
