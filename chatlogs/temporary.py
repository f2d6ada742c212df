"""A private folder for temporary files, or a sentence on why there is none."""

from __future__ import annotations

import tempfile

from chatlogs.errors import ChatlogsError


class NoPlaceError(ChatlogsError):
    """No folder for temporary files can be written to."""


def folder(prefix: str = "chatlogs-") -> str:
    """A new folder that only this user can look into; whoever asks for it removes it.

    NoPlaceError where there is no place for it, as in a container whose disk is read-only.
    """
    try:
        return tempfile.mkdtemp(prefix=prefix)
    except OSError as error:
        raise NoPlaceError(
            "no folder for temporary files can be written to, and raw logs are read into one: set TMPDIR, or read the "
            "logs into a store first."
        ) from error


def no_room(store: str, why: str) -> NoPlaceError:
    """The error for a temporary store that could not be written."""
    return NoPlaceError(
        f"raw logs cannot be read into {store}, a folder for temporary files: {why}; set TMPDIR to another, or read "
        "the logs into a store first."
    )
