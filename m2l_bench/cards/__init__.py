"""Cards: YAML files for systems (`baselines/`), embeddings (`baselines/embeddings/`) and tasks (`tasks/`).

A card is data. The code that it needs is named by `adapter` (of a system or an embedding) or by `dataset` (of a task):
by a short name for what is in this package, as `package.module:attribute` for anything else. Cards come from this
package, from installed packages that declare the entry-point group `m2l_bench.cards` (its value is a package that holds
YAML files), and from folders named with `--cards`. A card with a `dataset` key is a task, with `probe` too a probing
task; one of `kind: embedding` is an embedding, any other a system.
"""

from m2l_bench.cards.models import (
    AdapterCard,
    EmbeddingCard,
    Latents,
    Licence,
    ProbeSettings,
    ProbeTaskCard,
    Recordings,
    SystemCard,
    TaskCard,
    WeightFile,
)
from m2l_bench.cards.reading import Cards, import_named, load_cards, pick, read_card

__all__ = [
    "AdapterCard",
    "Cards",
    "EmbeddingCard",
    "Latents",
    "Licence",
    "ProbeSettings",
    "ProbeTaskCard",
    "Recordings",
    "SystemCard",
    "TaskCard",
    "WeightFile",
    "import_named",
    "load_cards",
    "pick",
    "read_card",
]
