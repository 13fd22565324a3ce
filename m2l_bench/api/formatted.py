"""A table as text: CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

from html import escape

from m2l_bench.tables import formats
from m2l_bench.tables.formats import Table


class FormattedTable:
    """Base of results that have one table.

    Args:
        formatted: the table with titles, decimals, caption and notes.
    """

    def __init__(self, formatted: Table) -> None:
        self.formatted = formatted

    @property
    def notes(self) -> list[str]:
        """What a reader of the table has to know: failed clips, missing figures, other runs."""
        return self.formatted.notes

    def to_csv(self) -> str:
        """Write the table as CSV with four decimals."""
        return formats.to_csv(self.formatted)

    def to_markdown(self) -> str:
        """Write the table as Markdown, with its notes."""
        return formats.to_markdown(self.formatted)

    def to_latex(self) -> str:
        """Write the table as a booktabs tabular."""
        return formats.to_latex(self.formatted)

    def to_html(self) -> str:
        """Write the table as HTML, with its notes."""
        head, rows = formats.text_rows(self.formatted)
        lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
        lines += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<table>{''.join(lines)}</table><p>{escape(self.formatted.caption)}</p><ul>{notes}</ul>"

    def _repr_html_(self) -> str:
        return self.to_html()
