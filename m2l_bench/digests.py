"""Digests of small contents: equal contents have equal digests, in whatever order their keys were written."""

from __future__ import annotations

import hashlib
import json


def digest(content: object) -> str:
    """SHA-256, in hexadecimal, of the content as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def seed_of(name: str) -> int:
    """Compute a random seed from a name, 63 bits that are always the same."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
