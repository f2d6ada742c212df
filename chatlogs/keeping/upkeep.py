"""Files written anew: without the rows that must go, or folded into fewer and larger ones.

The rule: only whole files come and go, in one commit, and a file that is not hit is not touched.
"""

from __future__ import annotations

import functools
import glob
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatlogs import engine
from chatlogs.errors import StoreError, verify_command
from chatlogs.keeping import parquet
from chatlogs.keeping.deltas import LEDGER
from chatlogs.keeping.staging import StagedFile, Staging, reason
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chatlogs.keeping.snapshot import Snapshot
    from chatlogs.keeping.store import Store

TARGET_BYTES = 256 << 20
SMALL_BYTES = TARGET_BYTES // 2
_BATCH_ROWS = 10_000
_MANY_FILES = 100  # from here on, an ingest of a few lines takes most of its time to look at files


@dataclass(frozen=True)
class Compaction:
    """What compact did: files and bytes of the whole store, before and after."""

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int

    def __str__(self) -> str:
        if self.files_before == self.files_after:
            return f"Nothing to fold: {self.files_before} files, {self.bytes_before:,} bytes."
        return (
            f"{self.files_before} files became {self.files_after}, "
            f"{self.bytes_before:,} bytes became {self.bytes_after:,}."
        )


def rewrite(
    snapshot: Snapshot,
    table: str,
    keys: pa.Array,
    *,
    staging: Staging,
    staged: Sequence[StagedFile] = (),
    void: pa.Array | None = None,
    column: str = "completion_key",
) -> tuple[list[StagedFile], list[str]]:
    """What to add and what to remove so that no row of `table` has one of `keys` in `column`.

    `staged` are files about to be added: they come back among the adds, rewritten where hit. `void` are keys of stored
    rows alone, in whose places staged rows may stand. A file with no row left has no successor; rows whose column is
    null always stay. Hold the store's lock from the snapshot on, or the files may be replaced by another before you
    commit.
    """
    import pyarrow as pa

    adds: list[StagedFile] = []
    stored = keys if void is None else pa.concat_arrays([keys, void])
    with _readable(snapshot.path):
        is_hit = _hits(keys, column)
        for file in staged:
            adds += _without(file.path, table, keys, column, staging) if is_hit(file.path) else [file]
        is_hit = _hits(stored, column)
        removes = [path for path, (rows, _) in snapshot.sizes(table).items() if rows and is_hit(path)]
        for path in removes:
            adds += _without(path, table, stored, column, staging)
    return adds, removes


def _hits(keys: pa.Array, column: str) -> Callable[[str], bool]:
    """Which files have one of the keys, of which there may be none."""
    import pyarrow.compute as pc

    low, high = pc.min_max(keys).as_py().values()
    if low is None:
        return lambda path: False
    return functools.partial(_hit, keys=keys, column=column, low=low, high=high)


def compact(store: Store) -> Compaction:
    """Fold the small files of each table into sorted ones of about TARGET_BYTES, in one commit.

    Ingests may read and stage meanwhile; they commit when this is done.
    """
    ingest_id = f"compact-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"
    with store.lock(), _readable(store.path), store.staging(ingest_id) as staging:
        snapshot = store.snapshot()
        add: dict[str, list[StagedFile]] = {}
        remove: dict[str, list[str]] = {}
        for table in TABLES:
            small = [path for path, (rows, size) in snapshot.sizes(table).items() if rows and size < SMALL_BYTES]
            if len(small) > 1:
                batches = _sorted(table, small, staging.folder)
                add[table] = staging.write_batches(table, batches, target_bytes=TARGET_BYTES, level=3)
                remove[table] = small
        if remove:
            store.commit(ingest_id, add, remove)
        return _compared(snapshot, store.snapshot())


def is_scattered(store: Store) -> bool:
    """Whether the store has so many small files, as each ingest adds some to most tables, that compact is worth it."""
    small = [path for path, (rows, size) in store.snapshot().sizes(LEDGER).items() if rows and size < SMALL_BYTES]
    return len(small) >= _MANY_FILES


@contextmanager
def _readable(store: str) -> Iterator[None]:
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise StoreError(
            f"{store} cannot be read or sorted: {reason(error)}; {verify_command(store)} lists what is damaged."
        ) from error


def _hit(path: str, keys: pa.Array, column: str, low: Any, high: Any) -> bool:
    """Whether the file holds any of the keys; most files are ruled out by their statistics alone."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = [g for g in range(file.num_row_groups) if _overlaps(file, g, column, low, high)]
        found = (file.read_row_group(g, columns=[column]).column(0) for g in groups)
        return any(pc.any(pc.is_in(values, keys, skip_nulls=True)).as_py() for values in found)


def _overlaps(file: pq.ParquetFile, group: int, column: str, low: Any, high: Any) -> bool:
    chunk = file.metadata.row_group(group).column(file.schema_arrow.get_field_index(column))
    statistics = chunk.statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= high and low <= statistics.max)


def _without(path: str, table: str, keys: pa.Array, column: str, staging: Staging) -> list[StagedFile]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def kept() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS):
                gone = pc.is_in(batch.column(column), keys, skip_nulls=True)
                yield batch.filter(pc.invert(gone))

    return staging.write_batches(table, kept())


def _sorted(table: str, paths: Sequence[str], spill: str) -> Iterator[pa.RecordBatch]:
    """The rows of many files in the table's order; DuckDB sorts what does not fit in memory on disk."""
    with engine.connect(spill) as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.read_parquet([glob.escape(path) for path in paths], union_by_name=True)
        yield from rows.order(", ".join(parquet.ORDER[table])).to_arrow_reader(_BATCH_ROWS)


def _compared(before: Snapshot, after: Snapshot) -> Compaction:
    old, new = ([size for table in TABLES for _, size in shot.sizes(table).values()] for shot in (before, after))
    return Compaction(len(old), len(new), sum(old), sum(new))
