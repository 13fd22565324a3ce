"""Cards: YAML files for systems (`baselines/`), embeddings (`baselines/embeddings/`) and tasks (`tasks/`).

A card is data. It names the code that it needs with the key `adapter` (systems and embeddings) or `dataset` (tasks):
code in this package by a short name, any other code as `package.module:attribute`.

Cards come from this package, from installed packages that declare an entry point in the group `m2l_bench.cards` (its
value is a package that holds YAML files), and from folders given with `--cards`.

A card with the key `dataset` is a task, and with the key `probe` as well it is a probing task. A card with
`kind: embedding` is an embedding. Any other card is a system.
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
