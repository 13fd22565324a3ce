"""Answers of blind tests, read from CSV files: one row per trial (ABX) or per rating (MUSHRA).

The files are those of our page, or the `mushra.csv` of webMUSHRA.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from m2l_bench.errors import UserError
from m2l_bench.listen import webmushra_answers
from m2l_bench.listen.roles import ANCHOR, HIDDEN_REFERENCE, ORIGINAL, SYSTEM
from m2l_bench.text import spreadsheet_value

SESSION = ("test", "page", "listener", "seed", "started")
"""Columns that both tests have and that together identify a session."""
ABX = (*SESSION, "trial", "trials", "clip", "a", "b", "x", "answer")
MUSHRA = (*SESSION, "trial", "trials", "clip", "position", "system", "role", "score")

Row = TypeVar("Row")


@dataclass(frozen=True)
class AbxTrial:
    """One answer to "is X A or B?"; `correct` follows from what X was."""

    session: tuple[str, ...]
    listener: str
    clip: str
    pair: tuple[str, str]
    correct: bool
    planned: int
    """Number of trials that the session was planned to have."""


@dataclass(frozen=True)
class Rating:
    """A listener's score of one system on one clip, 0 to 100."""

    session: tuple[str, ...]
    listener: str
    clip: str
    system: str
    role: str
    score: float


@dataclass(frozen=True)
class Answers:
    """All answers, and notes on their files."""

    abx: tuple[AbxTrial, ...]
    mushra: tuple[Rating, ...]
    notes: tuple[str, ...]


def read_answers(paths: Iterable[Path]) -> Answers:
    """Read files of either test; a session that is in several files counts once.

    Raises:
        UserError: a file holds no answers, or a row is wrong; the message names file and line.
    """
    abx: dict[tuple[str, ...], list[AbxTrial]] = {}
    mushra: dict[tuple[str, ...], list[Rating]] = {}
    notes: list[str] = []
    for path in paths:
        trials, ratings = _read(path)
        for session, rows in trials.items():
            _add_session(abx, session, rows, path, notes)
        for session, scores in ratings.items():
            _add_session(mushra, session, scores, path, notes)
    pages = {session[SESSION.index("page")] for session in (*abx, *mushra)}
    if len(pages) > 1:
        notes.append(f"answers of several pages are taken together: {', '.join(sorted(pages))}")
    return Answers(
        tuple(trial for rows in abx.values() for trial in rows),
        tuple(rating for scores in mushra.values() for rating in scores),
        tuple(notes),
    )


def _add_session(
    sessions: dict[tuple[str, ...], list[Row]], session: tuple[str, ...], rows: list[Row], path: Path, notes: list[str]
) -> None:
    """Add a session, or replace it if this file has more of its rows."""
    if session not in sessions:
        sessions[session] = rows
    elif len(rows) > len(sessions[session]):
        sessions[session] = rows
        notes.append(f"{path}: goes on with a session of an earlier file, which is not counted")
    else:
        notes.append(f"{path}: a session that an earlier file has, too, counted once")


def _read(path: Path) -> tuple[dict[tuple[str, ...], list[AbxTrial]], dict[tuple[str, ...], list[Rating]]]:
    trials: dict[tuple[str, ...], list[AbxTrial]] = {}
    ratings: dict[tuple[str, ...], list[Rating]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = set(reader.fieldnames or ())
            foreign = columns >= set(webmushra_answers.COLUMNS)
            if not (foreign or columns >= set(ABX) or columns >= set(MUSHRA)):
                raise UserError(
                    f"{path}: not answers of a listening page or of webMUSHRA: its first line names other columns"
                )
            for line in reader:
                try:
                    row = webmushra_answers.our_row(line) if foreign else _our_values(line)
                    session = tuple(row[name] for name in SESSION)
                    if row["test"] == "abx":
                        trials.setdefault(session, []).append(_trial(session, row))
                    else:
                        _add_rating(ratings.setdefault(session, []), _rating(session, row))
                except (KeyError, TypeError, ValueError) as error:
                    raise UserError(f"{path}, line {reader.line_num}: {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from error
    return trials, ratings


def _our_values(line: dict[str, str]) -> dict[str, str]:
    return {name: spreadsheet_value(value) for name, value in line.items()}


def _add_rating(ratings: list[Rating], rating: Rating) -> None:
    """Add a rating of a session.

    Raises:
        ValueError: the session has one of the same system and clip, so it is not one session.
    """
    if any((rating.clip, rating.system) == (other.clip, other.system) for other in ratings):
        raise ValueError(f"{rating.system} on {rating.clip!r} is rated twice in one session")
    ratings.append(rating)


def _trial(session: tuple[str, ...], row: dict[str, str]) -> AbxTrial:
    x, answer = row["x"], row["answer"]
    if x not in ("a", "b") or answer not in ("a", "b"):
        raise ValueError(f"x and answer are a or b, not {x!r} and {answer!r}")
    # The same two systems are the same pair, whichever was called A.
    first, second = sorted((row["a"], row["b"]), key=lambda name: (name != ORIGINAL, name))
    return AbxTrial(session, row["listener"], row["clip"], (first, second), x == answer, int(row["trials"]))


def _rating(session: tuple[str, ...], row: dict[str, str]) -> Rating:
    score, role = float(row["score"]), row["role"]
    if not 0 <= score <= 100:
        raise ValueError(f"a score is 0 to 100, not {row['score']}")
    if role not in (HIDDEN_REFERENCE, ANCHOR, SYSTEM):
        raise ValueError(f"no role {role!r}")
    return Rating(session, row["listener"], row["clip"], row["system"], role, score)
