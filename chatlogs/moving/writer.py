"""Whole responses in, staged Parquet files out.

Gathers responses until a file is worth writing, so that files are few and well sorted; rows are derived and
written by the pool, beside the reading.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import schema
from chatlogs.keeping.staging import StagedFile, Staging
from chatlogs.moving import assemble
from chatlogs.moving.assemble import Tables
from chatlogs.normalizing.folding import fold
from chatlogs.normalizing.layout import UNFINISHED
from chatlogs.normalizing.tables import rows
from chatlogs.normalizing.tables.hiding import hidden, hidden_table

FILE_BYTES = 48 << 20  # of pieces in memory, gathered into one file a table
_KEY_BYTES = 64  # of the keys that each row gets
_WRITES_AT_ONCE = 2
_MANY_PARTS = 50  # of a file: each would be a chunk of every column, and all work on columns goes chunk by chunk
_MOST_IDS = 4_000_000  # of which is known in memory, 8 bytes each, that none is twice
_ALWAYS = ("completions", "choices", "tool_calls", "messages")

_worker = threading.local()


class Writer:
    """Writes the responses of an ingest; `finish` gives the staged files of each table."""

    def __init__(
        self, staging: Staging, pool: ThreadPoolExecutor, now: datetime, *, logprobs: bool, content: str = "keep"
    ) -> None:
        self._staging, self._pool, self._now, self._content = staging, pool, now, content
        self._tables = {*_ALWAYS, *(["logprobs"] if logprobs else []), "chunks"}
        self._gathered: list[tuple[str, int, Tables]] = []
        self._bytes = 0
        self._rejects: list[pa.Table] = []
        self._reject_bytes = 0  # of those that came since some were written
        self._writes: list[Future[list[StagedFile]]] = []
        self._ids: list[npt.NDArray[np.uint64]] | None = []
        self._noting = threading.Lock()

    def add(self, source: str, source_key: int, pieces: Tables) -> None:
        """Take whole responses of one source."""
        if not len(pieces["completions"]):
            return
        self._gathered.append((source, source_key, pieces))
        self._bytes += sum(table.nbytes + len(table) * _KEY_BYTES for table in pieces.values() if len(table))
        if self._bytes >= FILE_BYTES:
            self._flush()

    def add_rejects(self, source: str, source_key: int, rejects: pa.Table, line_base: int) -> None:
        """Take the rejects of a block that begins at line `line_base`."""
        if len(rejects):
            line = rejects.schema.get_field_index("line_number")
            numbers = pa.array(np.asarray(rejects["line_number"]) + line_base + 1)
            rejects = rejects.set_column(line, rejects.schema.field(line), numbers)
            rejects = hidden_table("rejects", rejects, self._content) if self._content != "keep" else rejects
            self._rejects.append(rows.conform("rejects", rejects, source=source, source_key=source_key))
            self._reject_bytes += self._rejects[-1].nbytes
            if self._reject_bytes >= FILE_BYTES:
                self._flush_rejects()

    def drop_reject(self, source_key: int, byte_offset: int) -> None:
        """Forget the reject at this place, as the line was only unfinished."""
        for number, table in enumerate(self._rejects):
            here = pc.and_(pc.equal(table["source_key"], source_key), pc.equal(table["byte_offset"], byte_offset))
            self._rejects[number] = table.filter(pc.invert(here))

    def finish(self) -> dict[str, list[StagedFile]]:
        """Write what is left, wait, and give all files by table."""
        half = len(self._gathered) // 2 if self._bytes > FILE_BYTES // 2 else 0
        for part in (self._gathered[:half], self._gathered[half:]):  # nobody reads any more: two may write
            if part and half:
                self._writes.append(self._pool.submit(self._write, part))
            elif part:
                tables = self._pool.submit(self._rows, part).result()
                self._writes += [self._pool.submit(self._staged, {name: rows}) for name, rows in tables.items()]
        staged: dict[str, list[StagedFile]] = {name: [] for name in schema.TABLES}
        for write in self._writes:
            for file in write.result():
                staged[file.table].append(file)
        if any(map(len, self._rejects)):
            staged["rejects"].append(self._staging.write("rejects", pa.concat_tables(self._rejects)))
        return staged

    def ids_differ(self) -> bool:
        """Whether it is known that no two of the responses written have the same id. Ask when all is written."""
        if self._ids is None:
            return False
        hashes = np.sort(np.concatenate([np.empty(0, np.uint64), *self._ids]))
        return not bool(np.any(hashes[1:] == hashes[:-1]))

    def _flush(self) -> None:
        if not self._gathered:
            return
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        self._wait()
        self._writes.append(self._pool.submit(self._write, gathered))

    def _flush_rejects(self) -> None:
        """Write the rejects but for unfinished lines: a log that goes on with one may come yet, and make it void."""
        table = pa.concat_tables(self._rejects)
        unfinished = pc.equal(table["reason"], UNFINISHED.reason)
        self._rejects, self._reject_bytes = [table.filter(unfinished)], 0
        self._wait()
        self._writes.append(self._pool.submit(self._staged, {"rejects": table.filter(pc.invert(unfinished))}))

    def _wait(self) -> None:
        """Return when one more may write."""
        running = [write for write in self._writes if not write.done()]
        if len(running) >= _WRITES_AT_ONCE:
            running[0].result()

    def _write(self, gathered: list[tuple[str, int, Tables]]) -> list[StagedFile]:
        return self._staged(self._rows(gathered))

    def _rows(self, gathered: list[tuple[str, int, Tables]]) -> Tables:
        """The rows of these responses as they are to be stored, by table."""
        pieces, keys, logs = _joined(gathered)
        self._note_ids(pieces["completions"]["id"])
        found = hidden(rows.rows(_connection(), pieces, keys=keys), self._content)
        columns = {**logs, "ingested_at": self._now, "duplicates": 0}
        return {name: rows.conform(name, found[name], **columns) for name in sorted(self._tables & found.keys())}

    def _staged(self, tables: Tables) -> list[StagedFile]:
        return [self._staging.write(name, table) for name, table in tables.items()]

    def _note_ids(self, ids: pa.ChunkedArray) -> None:
        hashes = rows.hashes(_connection(), ids)
        with self._noting:
            if self._ids is not None:
                self._ids = [*self._ids, hashes] if sum(map(len, self._ids)) + len(hashes) <= _MOST_IDS else None


def _joined(
    gathered: Sequence[tuple[str, int, Tables]],
) -> tuple[Tables, npt.NDArray[np.int64], dict[str, pa.ChunkedArray]]:
    """The pieces of all sources as one, numbered apart; the key of each response, and the columns that name its log."""
    parts, keys, sources, source_keys, first = [], [], [], [], 0
    for source, source_key, pieces in gathered:
        responses = pieces["completions"]
        keys.append(rows.completion_keys(source_key, responses["byte_offset"], responses["part"]))
        sources.append(pa.repeat(pa.scalar(source), len(responses)))
        source_keys.append(pa.repeat(pa.scalar(source_key, pa.int64()), len(responses)))
        parts.append({name: assemble.plus(table, "piece", first) for name, table in pieces.items()})
        first = pc.max(parts[-1]["completions"]["piece"]).as_py() + 1
    joined = assemble.concat(parts)
    logs = {"source": pa.chunked_array(sources), "source_key": pa.chunked_array(source_keys)}
    if len(parts) > _MANY_PARTS:
        joined = {name: table.combine_chunks() for name, table in joined.items()}
        logs = {name: pa.chunked_array([column.combine_chunks()]) for name, column in logs.items()}
    return joined, np.concatenate(keys), logs


def _connection() -> duckdb.DuckDBPyConnection:
    if not hasattr(_worker, "con"):
        _worker.con = fold.connect()
        rows.prepare(_worker.con)
    con: duckdb.DuckDBPyConnection = _worker.con
    return con
