"""m2l-bench: choose, test and publish music audio autoencoders.

`load_codec(name)` gives a codec by the name of its card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2l_bench.systems import load_codec

__all__ = ["load_codec"]


def __getattr__(name: str) -> Any:
    """Import on first use: `import m2l_bench` and the command line's help stay fast."""
    if name == "load_codec":
        from m2l_bench.systems import load_codec

        return load_codec
    raise AttributeError(f"module 'm2l_bench' has no attribute '{name}'")
