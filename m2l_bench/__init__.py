"""m2l-bench: choose, test and publish music audio autoencoders.

`load_codec(name)` gives a codec by the name of its card; `Codec`, `Reconstructor` and `Embedding` are the bases of
adapters.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from m2l_bench.environment import prepare

if TYPE_CHECKING:
    from m2l_bench.codecs.base import Codec, Reconstructor
    from m2l_bench.embeddings.base import Embedding
    from m2l_bench.systems.loading import load_codec

__version__ = "0.2.0"

__all__ = ["Codec", "Embedding", "Reconstructor", "load_codec"]

MODULES = {
    "Codec": "m2l_bench.codecs.base",
    "Embedding": "m2l_bench.embeddings.base",
    "Reconstructor": "m2l_bench.codecs.base",
    "load_codec": "m2l_bench.systems.loading",
}


prepare()


def __getattr__(name: str) -> Any:
    """Import on first use: `import m2l_bench` and the command line's help stay fast."""
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    raise AttributeError(f"module 'm2l_bench' has no attribute '{name}'")
