"""Rows of the `mushra.csv` that webMUSHRA writes, as those of our own answers."""

from __future__ import annotations

from collections.abc import Mapping

from m2l_bench.listen.roles import ANCHOR, HIDDEN_REFERENCE, ORIGINAL, SYSTEM

TEST, TRIAL, STIMULUS, SCORE = "session_test_id", "trial_id", "rating_stimulus", "rating_score"
COLUMNS = (TEST, TRIAL, STIMULUS, SCORE)
SESSION_ID = "session_uuid"
"""Column with the id of a session, which releases up to 1.4.3 do not write. The questionnaire's are before it."""
NAMES = ("listener", "name", "email")
"""Columns of a questionnaire that may name the listener; the first that does counts."""
REFERENCE = "reference"
ANCHORS = ("anchor35", "anchor70", "lowpass-3.5k", "lowpass-7k")
"""Anchors that webMUSHRA makes, and those of our runs."""


def our_row(row: Mapping[str, str]) -> dict[str, str]:
    """Translate a row into the columns of our answers.

    Raises:
        ValueError: cells are missing, or nothing in it tells the listener or the session.
    """
    if None in row.values():
        raise ValueError("fewer cells than its first line names")
    columns = list(row)
    questionnaire = columns[1 : columns.index(SESSION_ID if SESSION_ID in row else TRIAL)]
    session = row.get(SESSION_ID) or "; ".join(row[name] for name in questionnaire if row[name])
    if not session:
        raise ValueError(f"neither {SESSION_ID} nor an answer of the questionnaire tells the listener")
    named = (row[name].strip() for name in NAMES if name in questionnaire)
    stimulus = row[STIMULUS]
    role = HIDDEN_REFERENCE if stimulus == REFERENCE else ANCHOR if stimulus in ANCHORS else SYSTEM
    return {
        "test": "mushra",
        "page": row[TEST],
        "listener": next((name for name in named if name), session),
        "seed": session,
        "started": "",
        "clip": row[TRIAL],
        "system": ORIGINAL if role == HIDDEN_REFERENCE else stimulus,
        "role": role,
        "score": row[SCORE],
    }
