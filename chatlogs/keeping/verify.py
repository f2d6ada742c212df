"""What is wrong with a store, in sentences.

The rule: a law about rows is a file in sql/verify that answers with a column `problem`, a sentence for
each breach; only what SQL cannot see (files, versions, schemas) is checked here. A new law is a new file.
"""

from __future__ import annotations

import glob
import importlib.resources
import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

from chatlogs import engine
from chatlogs.errors import StoreError
from chatlogs.keeping import recovery
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    from chatlogs.keeping.snapshot import Snapshot
    from chatlogs.keeping.store import Store


def problems(store: Store) -> list[str]:
    """Everything that is wrong with the store, a sentence each; an empty list when nothing is.

    Waits for a commit at work, and keeps others waiting, so that nothing half done is taken for wrong.
    """
    try:
        with store.lock() if os.access(store.path, os.W_OK) else nullcontext():
            return _of_tables(store.snapshot())
    except StoreError as error:
        return [str(error)]


def _of_tables(snapshot: Snapshot) -> list[str]:
    """What is wrong with the files, and, when all of them can be read, with the rows."""
    if recovery.pending(snapshot.path) is not None:
        return [f"An interrupted commit to {snapshot.path} waits to be finished by someone who may write there."]
    found = [problem for table in TABLES for problem in _of_files(snapshot, table)]
    return found or list(_of_rows(snapshot))


def _of_files(snapshot: Snapshot, table: str) -> Iterator[str]:
    folder = os.path.join(snapshot.path, table)
    live = snapshot.sizes(table)
    if snapshot.disturbed(table):
        yield f"Another program has changed {table} since the last ingest."
    for name in sorted(os.listdir(folder)):
        if name.endswith(".parquet") and os.path.join(folder, name) not in live:
            yield f"{table}/{name} is not part of the table, but a plain reader of the folder would read it."
    for path, (rows, size) in sorted(live.items()):
        yield from _of_file(table, path, rows, size)


def _of_file(table: str, path: str, rows: int, size: int) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = f"{table}/{os.path.basename(path)}"
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except FileNotFoundError:
        yield f"{name} is missing."
        return
    except (OSError, pa.ArrowException) as error:
        yield f"{name} cannot be read: {str(error).splitlines()[0].rstrip('.')}."
        return
    if os.path.getsize(path) != size:
        yield f"{name} has {os.path.getsize(path)} bytes, but the log says {size}."
    if footer.num_rows != rows:
        yield f"{name} has {footer.num_rows} rows, but the log says {rows}."
    if not schema.equals(TABLES[table].arrow(), check_metadata=False):
        yield f"{name} has other columns than declared."


def _of_rows(snapshot: Snapshot) -> Iterator[str]:
    import duckdb

    with engine.connect() as connection:
        for table in TABLES:
            paths = [glob.escape(path) for path in snapshot.files(table)]
            connection.read_parquet(paths).create_view(table)
        try:
            for law in _laws():
                yield from (row[0] for row in connection.execute(law).fetchall())
        except duckdb.Error as error:
            yield f"The rows cannot be read: {str(error).splitlines()[0].rstrip('.')}."


def _laws() -> list[str]:
    files = importlib.resources.files("chatlogs").joinpath("sql", "verify").iterdir()
    return [file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name) if file.name.endswith(".sql")]
