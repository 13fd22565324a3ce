"""What a rated version is in a MUSHRA test."""

from __future__ import annotations

HIDDEN_REFERENCE, ANCHOR, SYSTEM = "hidden reference", "anchor", "system"
ORIGINAL = "original"
"""Name of the hidden reference among the systems."""
