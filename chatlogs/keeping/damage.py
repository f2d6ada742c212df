"""Which file of a store an engine failed on, in one sentence.

The rule: whoever reads a store says of a damaged one what cannot be read and what to do, whatever engine met it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatlogs import engine
from chatlogs.errors import ChatlogsError, StoreError, verify_command
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    from chatlogs.keeping.store import Store


@contextmanager
def told(store: Store) -> Iterator[None]:
    """What fails on a damaged file of the store, as a StoreError that names it; anything else as it is."""
    try:
        yield
    except ChatlogsError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise  # The system says what is wrong: no rights, no room.
        if why := _why(store, error):
            raise why from error
        raise


def sentence(store: str, file: str) -> StoreError:
    """The error for a file of the store that cannot be read."""
    return StoreError(
        f"the store {store} is damaged: {os.path.relpath(file, store)} is missing or unreadable; "
        f"{verify_command(store)} lists all."
    )


def find(paths: Sequence[str], said: str) -> str | None:
    """The file of these that cannot be read: the one that an engine named, or the first whose footer is broken."""
    return named(paths, said) or next((path for path in paths if not _is_readable(path)), None)


def named(paths: Sequence[str], said: str) -> str | None:
    """The file of these that an engine named in what it said."""
    for name in (str, os.path.basename):
        if path := next((path for path in paths if name(path) in said), None):
            return path
    return None


def _why(store: Store, error: Exception) -> StoreError | None:
    try:
        snapshot = store.snapshot()
        file = find([path for table in TABLES for path in snapshot.files(table)], str(error))
    except StoreError as gone:
        return gone if isinstance(error, FileNotFoundError) else None
    return sentence(store.path, file) if file else None


def _is_readable(path: str) -> bool:
    """Whether its footer is, to both engines."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
        with engine.connect() as connection:
            connection.execute("select * from parquet_schema($path)", {"path": path}).fetchall()
    except (OSError, pa.ArrowException, duckdb.Error):
        return False
    return True
