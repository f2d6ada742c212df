"""Whole Parquet files, written where no reader looks, ready to be committed.

The rule: a file has its name only when it is whole (temporary name, fsync, rename), and a staging
folder is locked by its living owner, so whatever a killed process left is known as such and removed.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatlogs.errors import StoreError
from chatlogs.keeping import locks, parquet
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = ".staging"
_ALIVE = "alive"
_GATE = "gate"
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class StagedFile:
    """A whole Parquet file that waits in staging; `stats` is the JSON that goes into the Delta log."""

    path: str
    table: str
    rows: int
    size: int
    stats: str


class Staging:
    """The staging folder of one ingest; use it as a context manager.

    Leaving it removes what was not committed. Writing is safe from many threads at once.
    """

    def __init__(self, store: str, ingest_id: str) -> None:
        if not _SAFE_ID.fullmatch(ingest_id):
            raise StoreError(f"{ingest_id!r} cannot name an ingest; use up to 100 letters, digits, '-', '_' and '.'.")
        self.ingest_id = ingest_id
        self.folder = os.path.join(store, FOLDER, ingest_id)
        self._store = store
        self._numbers = itertools.count()
        self._alive: int | None = None

    def __enter__(self) -> Self:
        try:
            with _gate(self._store):
                os.makedirs(self.folder, exist_ok=True)
                self._alive = locks.claim(os.path.join(self.folder, _ALIVE))
        except OSError as error:
            raise StoreError(f"cannot write to {self._store}: {reason(error)}.") from error
        if self._alive is None:
            raise StoreError(f"ingest {self.ingest_id} is already being written to {self._store} by another process.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def path(self, table: str) -> str:
        """A fresh file name for a table, unique in the store for as long as ingest ids are."""
        folder = os.path.join(self.folder, known_table(table))
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, f"{self.ingest_id}-{next(self._numbers):05d}.parquet")

    def write(self, table: str, data: pa.Table, *, sort: Sequence[str] | None = None) -> StagedFile:
        """One whole file with these rows.

        Columns may come in any order but must be the declared ones. Rows are sorted by the table's own
        order; `sort=()` keeps them as they are. A table without rows gives a file that commit leaves out.
        """
        fitted = parquet.fit(table, data)
        pieces = parquet.sorted_pieces(table, fitted, parquet.ORDER[table] if sort is None else sort)
        return self._write(table, pieces, rows=fitted.num_rows, width=fitted.nbytes)

    def write_batches(
        self, table: str, batches: Iterable[pa.RecordBatch], *, target_bytes: int | None = None, level: int = 1
    ) -> list[StagedFile]:
        """Files with these rows in this order, in bounded memory; a new file is begun at `target_bytes`.

        No rows, no file.
        """
        pieces = parquet.gather(table, batches)
        written: list[StagedFile] = []
        for first in pieces:
            rest = itertools.chain([first], pieces)
            written.append(self._write(table, rest, first.num_rows, first.nbytes, target_bytes, level))
        return written

    def _write(
        self,
        table: str,
        pieces: Iterable[pa.Table],
        rows: int,
        width: int,
        target_bytes: int | None = None,
        level: int = 1,
    ) -> StagedFile:
        path = self.path(table)
        try:
            footer = parquet.write(path, table, pieces, rows, width, target_bytes=target_bytes, level=level)
            size = os.path.getsize(path)
        except OSError as error:
            raise StoreError(f"cannot write to {self._store}: {reason(error)}; the store is as it was.") from error
        return StagedFile(path, table, footer.num_rows, size, parquet.delta_stats(table, footer))


def known_table(table: str) -> str:
    """The name itself; StoreError when no table has it."""
    if table not in TABLES:
        raise StoreError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}.")
    return table


def sweep(store: str) -> None:
    """Remove the staging folders of processes that are gone."""
    folder = os.path.join(store, FOLDER)
    if not os.path.isdir(folder):
        return
    with _gate(store):
        for entry in list(os.scandir(folder)):
            if not entry.is_dir(follow_symlinks=False):
                continue
            try:
                handle = locks.claim(os.path.join(entry.path, _ALIVE))
            except FileNotFoundError:
                continue  # Its owner was just leaving, and removed it.
            if handle is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(handle)


def leftovers(store: str) -> bool:
    """Whether any staging folder is there, of a living process or a dead one."""
    try:
        return any(entry.is_dir() for entry in os.scandir(os.path.join(store, FOLDER)))
    except FileNotFoundError:
        return False


def reason(error: BaseException) -> str:
    """Why, in the words of the system: 'No space left on device'."""
    number = getattr(error, "errno", None)  # Arrow says it in more words
    if not number and (found := _OS_ERROR.search(str(error))):  # and delta-rs below several lines of its own
        number = int(found[1])
    text = (os.strerror(number) if number else "") or str(error) or type(error).__name__
    return str(text).splitlines()[0].rstrip(".")


@contextmanager
def _gate(store: str) -> Iterator[None]:
    # Between making a folder and locking it, it would look abandoned; so both happen behind this gate.
    folder = os.path.join(store, FOLDER)
    os.makedirs(folder, exist_ok=True)
    with locks.gate(os.path.join(folder, _GATE)):
        yield
