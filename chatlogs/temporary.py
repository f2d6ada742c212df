"""A private folder for temporary files, or a sentence on why there is none; and what people know its contents by."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from chatlogs.errors import ChatlogsError, StoreError

T = TypeVar("T")
_MOST_NAMED = 3


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


def named(paths: str | Path | Sequence[str | Path]) -> str:
    """Raw logs by their paths, where these are few and say something."""
    names = [os.fspath(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    return ", ".join(names) if len(names) <= _MOST_NAMED and "-" not in names else "these logs"


def kept(asked: Callable[[], T], name: str) -> Callable[[], T]:
    """What is asked of a temporary store, whose place is nothing to the caller: errors name the logs in it."""

    def ask() -> T:
        try:
            return asked()
        except StoreError as error:
            raise gone(name) from error

    return ask


def gone(name: str) -> StoreError:
    """The error for raw logs, as `named` names them, whose temporary store cannot be read."""
    return StoreError(f"what was read of {name} is gone, by close() or with temporary files: read the logs again.")
