"""m2l-bench: choose, test and publish music audio autoencoders.

    import m2l_bench as mb

    results = mb.evaluate(my_codec, task="bundled")
    results.table()

`Codec`, `Reconstructor` and `Embedding` are the bases of adapters, which cards name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from m2l_bench.environment import prepare

if TYPE_CHECKING:
    from m2l_bench.api.evaluate import evaluate
    from m2l_bench.api.frechet import frechet_distance, load_embedding
    from m2l_bench.api.mteb import mteb_model
    from m2l_bench.api.probe import ProbeScores, probe
    from m2l_bench.api.results import Results, load_results
    from m2l_bench.api.task import Task, load_task
    from m2l_bench.codecs.base import Codec, Reconstructor
    from m2l_bench.embeddings.base import Embedding
    from m2l_bench.errors import UserError
    from m2l_bench.latents.dataset import latents_dataset
    from m2l_bench.systems.loading import load_codec

__version__ = "0.2.0"

__all__ = [
    "Codec",
    "Embedding",
    "ProbeScores",
    "Reconstructor",
    "Results",
    "Task",
    "UserError",
    "__version__",
    "evaluate",
    "frechet_distance",
    "latents_dataset",
    "load_codec",
    "load_embedding",
    "load_results",
    "load_task",
    "mteb_model",
    "probe",
]

MODULES = {
    "Codec": "codecs.base",
    "Embedding": "embeddings.base",
    "ProbeScores": "api.probe",
    "Reconstructor": "codecs.base",
    "Results": "api.results",
    "Task": "api.task",
    "UserError": "errors",
    "evaluate": "api.evaluate",
    "frechet_distance": "api.frechet",
    "latents_dataset": "latents.dataset",
    "load_codec": "systems.loading",
    "load_embedding": "api.frechet",
    "load_results": "api.results",
    "load_task": "api.task",
    "mteb_model": "api.mteb",
    "probe": "api.probe",
}


prepare()


def __getattr__(name: str) -> Any:
    """Import on first use: `import m2l_bench` and the command line's help stay fast."""
    if name in MODULES:
        return getattr(import_module(f"m2l_bench.{MODULES[name]}"), name)
    raise AttributeError(f"module 'm2l_bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
