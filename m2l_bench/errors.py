"""Errors that a user can fix, and reasons why one clip or one metric has no result."""

from __future__ import annotations


class UserError(Exception):
    """Something outside the program is wrong; the message names it and says what to do.

    The command line prints it as one line, without a traceback.
    """


class BadClip(Exception):
    """One clip cannot be used; the message is the reason. The run records it and continues."""


class TooLong(BadClip):
    """The clip is longer than can be taken in one piece."""


class MissingRecording(BadClip):
    """A recorded system has no file for this clip: a gap in coverage, not a failure."""


class Undefined(Exception):
    """A metric has no value for these signals; the message is the reason, shown beside the empty cell."""
