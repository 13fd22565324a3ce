"""Tables in a terminal: no word and no interval is broken where there is room; no column says the same in each row."""

import io

import pandas as pd
from rich.console import Console

from m2l_bench.console.reconstruction import print_table
from m2l_bench.tables.formats import Column, Table


def printed(clips: list[int], width: int, metrics: int = 3) -> list[str]:
    """Lines of a table of two systems with this many metrics."""
    records = [
        {"system": f"system {number}", "clips": count}
        | {
            f"m{i}{end}": value - number
            for i in range(metrics)
            for end, value in (("", -20), ("_low", -24), ("_high", -18))
        }
        for number, count in enumerate(clips)
    ]
    titles = {f"system {number}": f"The system {number}" for number in range(len(clips))}
    columns = [Column(f"m{i}", f"Metric {i} (dB) ↑", 2) for i in range(metrics)]
    stream = io.StringIO()
    print_table(Console(file=stream, width=width), Table(pd.DataFrame(records), titles, columns, [], "Means."))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return lines


def test_a_number_of_clips_that_all_have_is_in_the_caption() -> None:
    assert printed([6, 6], 120)[-1] == "Means. Clips: 6."
    head, *rest = (line for line in printed([6, 5], 120) if "│" in line or "┃" in line)
    assert "Clips" in head and "│     5 │" in rest[-1]


def test_an_interval_has_a_line_of_its_own_where_a_row_has_no_room() -> None:
    cells = [cell.strip() for line in printed([6, 6], 80) for cell in line.split("│")]
    assert cells.count("-20.00") == 3 and cells.count("[-24.00, -18.00]") == 3
    assert "-20.00 [-24.00, -18.00]" in "".join(printed([6, 6], 120))


def test_no_word_is_broken() -> None:
    cells = [cell.strip() for line in printed([6, 5], 66) for cell in line.split("│")]
    assert cells.count("[-24.00,") == 3 and cells.count("-18.00]") == 3
