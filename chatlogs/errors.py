"""What can go wrong, in the caller's words: exceptions, exit codes and reject reasons.

A bad line is never an exception: it becomes a row of `rejects` with one of REJECT_REASONS.
Exceptions are for the caller's mistakes and for broken stores; each message is one sentence
that says what, where, and what to do next.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

# 1: what was asked cannot be done, such as to read a file that is not there. 2: it cannot be meant as it is written.
EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REJECTS = 3
EXIT_GATE = 4


class ChatlogsError(Exception):
    """Something the user can act on; the command line prints it as one sentence and exits 1."""

    exit_code = EXIT_FAILED


class SourceError(ChatlogsError):
    """A log cannot be found, opened or decompressed."""


class StoreError(ChatlogsError):
    """A store is missing, damaged, locked, or of a newer format."""


class OptionError(ChatlogsError):
    """An option has a value that it cannot have."""

    exit_code = EXIT_USAGE


class QueryError(ChatlogsError):
    """A question cannot be asked as written: unknown column, bad SQL, bad value."""

    exit_code = EXIT_USAGE


class FileError(QueryError):
    """A file that an option names cannot be read."""

    exit_code = EXIT_FAILED


class UnexpectedWarning(UserWarning):
    """chatlogs failed on some lines of a log, which is a defect of it; they are set aside, and all others were read."""


REJECT_REASONS: dict[str, str] = {
    "not_json": "The line is not JSON, and no harmless repair makes it JSON.",
    "not_utf8": "The line holds bytes that are not UTF-8 and cannot be read as text.",
    "not_an_object": "The line is JSON, but a bare number, string or list that holds no record.",
    "unknown_shape": "The line is a JSON object, but neither a completion, a chunk, nor a known wrapper of one.",
    "truncated_line": "The last line of the source has no line end and stops in the middle of a record.",
    "too_deep": "The line nests deeper than any API object does.",
    "too_large": "The line is longer than the limit for one record.",
    "unexpected": "chatlogs itself fails on the line, which is a defect of it: please report it with the line.",
}


def unexpected(error: BaseException) -> str:
    """What is said of an exception that is a defect of ours, on one line."""
    why = (str(error).strip().splitlines() or [""])[0]
    return f"chatlogs failed unexpectedly ({type(error).__name__}: {why})"


def verify_command(store: str) -> str:
    """What to type to be told all that is wrong with a store."""
    return f"`chatlogs verify {shlex.quote(store)}`"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint that goes behind a sentence on a name that is none: the nearest one; nothing when none is near."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1) or difflib.get_close_matches(name.lower(), names, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
