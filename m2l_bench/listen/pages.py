"""Listening pages on disk, for links to them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from m2l_bench.listen.writer import FINISHED

BEFORE, AFTER = "const DATA = ", ";"
"""What a page's data.js has around its JSON."""


@dataclass(frozen=True)
class ListeningPage:
    """A page, as a file in some other folder links to it."""

    address: str
    dataset: str
    clips: list[str]
    systems: list[str]

    def of_clip(self, clip: str) -> str:
        """Address that opens the page on a clip."""
        return f"{self.address}#{urlencode({'clip': clip})}"

    def address_or_nothing(self, clip: str) -> str:
        """Address that opens the page on a clip; empty for a clip that the page does not have."""
        return self.of_clip(clip) if clip in self.clips else ""

    def of_system(self, system: str) -> str:
        """Address that opens the page on a system."""
        return f"{self.address}#{urlencode({'system': system})}"


def find_pages(places: Iterable[Path], linked_from: Path) -> dict[str, ListeningPage]:
    """Find pages in these folders and in the folders directly inside them, the first one of each dataset.

    Args:
        linked_from: folder that the addresses are relative to.
    """
    pages: dict[str, ListeningPage] = {}
    for place in places:
        for file in [place / "data.js", *sorted(place.glob("*/data.js"))]:
            page = _read(file, linked_from)
            if page:
                pages.setdefault(page.dataset, page)
    return pages


def _read(file: Path, linked_from: Path) -> ListeningPage | None:
    """Read what is on a page; None where the file is no page's data."""
    if not (file.parent / FINISHED).is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8").strip().removeprefix(BEFORE).removesuffix(AFTER))
        clips, systems = ([one[key] for one in data[name]] for name, key in (("clips", "id"), ("systems", "name")))
        dataset = str(data["dataset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    path = os.path.relpath(file.parent / "index.html", linked_from)
    return ListeningPage(quote(Path(path).as_posix()), dataset, clips, systems)
