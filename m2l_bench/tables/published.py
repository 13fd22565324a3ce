"""Figures that others published, shown beside measured ones: their sources, and how rows and columns are found.

The figures are in `results/published`, one folder for each source. A source is added by its folder, its row here and
its name in `Beside`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from m2l_bench.shipped import shipped

if TYPE_CHECKING:  # `m2l-bench --help` lists the sources and does not wait for pandas and pydantic
    import pandas as pd

    from m2l_bench.cards import AdapterCard

Beside = Literal["none", "paper", "rerun", "codicodec"]
"""Whose published figures a table shows beside the measured ones."""
NOT_MEASURED = "not measured here; only published figures are known"


@dataclass(frozen=True)
class Published:
    """A table that others published."""

    source: str
    """Short name of the source: value of `--beside`, header of its columns, and end of their names in CSV files."""
    table: str
    """Table of this package in whose columns the figures are: `table1`, `table2` or `table3`."""
    footnote: str
    """Source of the figures, and the clips that they were measured on."""
    url: str = ""
    """Web address of the source; empty: it has none."""

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row per model, indexed by the name that the source gives it."""
        import pandas as pd

        path = shipped("results/published") / self.source / f"{self.table}.csv"
        return pd.read_csv(path, index_col="model").fillna({"system": ""})

    def column(self, name: str) -> str:
        """Name of the column that has the published figures of this metric."""
        return f"{name}_{self.source}"

    def model(self, card: AdapterCard) -> str:
        """Name that the source gives to the system of this card; empty if the source does not have it.

        A row belongs to the card that it names, and to every card that has the name of the row as its `paper_row`.
        """
        if card.paper_row in self.rows.index:
            return card.paper_row
        named = self.rows.index[self.rows["system"] == card.name]
        return str(named[0]) if len(named) else ""

    def figure(self, model: str, name: str) -> float:
        """Published figure of a metric; NaN where the source has none."""
        if model not in self.rows.index or name not in self.rows:
            return float("nan")
        return float(self.rows[name].loc[model])

    def others(self, measured: Collection[str]) -> list[tuple[str, str, str]]:
        """List the models that were not measured: the source's name, and name and title in tables.

        Name and title are those of the card. A model without a card has the source's name, and the source in brackets.

        Args:
            measured: the source's names of the models that were measured.
        """
        from m2l_bench.cards import load_cards

        cards = load_cards()
        titles = {name: card.title for name, card in {**cards.embeddings, **cards.systems}.items()}
        names = [
            (model, system or f"{model} ({self.source})")
            for model, system in zip(self.rows.index, self.rows["system"], strict=True)
            if model not in measured
        ]
        return [(model, name, titles.get(name, name)) for model, name in names]


MUSIC2LATENT = "https://arxiv.org/abs/2408.06500"
TABLE1 = Published("paper", "table1", "Music2Latent paper, Table 1", MUSIC2LATENT)
TABLE2 = {
    published.source: published
    for published in (
        Published("paper", "table2", "Music2Latent paper, Table 2 (all of MusicCaps)", MUSIC2LATENT),
        Published(
            "rerun",
            "table2",
            "independent run of published weights (5,355 of the 5,521 clips of MusicCaps), of which only SI-SDR and "
            "ViSQOL are defined as in this package",
        ),
        Published(
            "codicodec",
            "table2",
            "CoDiCodec paper, Table 2 (all of MusicCaps)",
            "https://sonycslparis.github.io/codicodec-companion/",
        ),
    )
}
"""Sources of Table 2 by their short names."""
TABLE3 = Published("paper", "table3", "Music2Latent paper, Table 3", MUSIC2LATENT)
