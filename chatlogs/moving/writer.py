"""Whole responses in, staged Parquet files out.

Gathers responses until a file is worth writing, so that files are few and well sorted; rows are derived and
written by the pool, beside the reading.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import schema
from chatlogs.keeping.staging import StagedFile, Staging
from chatlogs.moving import assemble
from chatlogs.moving.assemble import Tables
from chatlogs.normalizing import fold, rows
from chatlogs.normalizing.hiding import hidden, hidden_table

FILE_BYTES = 48 << 20  # of pieces in memory, gathered into one file a table
_WRITES_AT_ONCE = 1
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
        self._writes: list[Future[list[StagedFile]]] = []

    def add(self, source: str, source_key: int, pieces: Tables) -> None:
        """Take whole responses of one source."""
        if not len(pieces["completions"]):
            return
        self._gathered.append((source, source_key, pieces))
        self._bytes += sum(table.nbytes for table in pieces.values())
        if self._bytes >= FILE_BYTES:
            self._flush()

    def add_rejects(self, source: str, rejects: pa.Table, line_base: int) -> None:
        """Take the rejects of a block that begins at line `line_base`."""
        if len(rejects):
            line = rejects.schema.get_field_index("line_number")
            numbers = pa.array(np.asarray(rejects["line_number"]) + line_base + 1)
            rejects = rejects.set_column(line, rejects.schema.field(line), numbers)
            rejects = hidden_table("rejects", rejects, self._content) if self._content != "keep" else rejects
            self._rejects.append(rows.conform("rejects", rejects, source=source))

    def drop_reject(self, source: str, byte_offset: int) -> None:
        """Forget the reject at this place, as the line was only unfinished."""
        for number, table in enumerate(self._rejects):
            here = pc.and_(pc.equal(table["source"], source), pc.equal(table["byte_offset"], byte_offset))
            self._rejects[number] = table.filter(pc.invert(here))

    def finish(self) -> dict[str, list[StagedFile]]:
        """Write what is left, wait, and give all files by table."""
        self._flush()
        staged: dict[str, list[StagedFile]] = {name: [] for name in schema.TABLES}
        for write in self._writes:
            for file in write.result():
                staged[file.table].append(file)
        if self._rejects:
            staged["rejects"].append(self._staging.write("rejects", pa.concat_tables(self._rejects)))
        return staged

    def _flush(self) -> None:
        if not self._gathered:
            return
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        running = [write for write in self._writes if not write.done()]
        if len(running) >= _WRITES_AT_ONCE:
            running[0].result()
        self._writes.append(self._pool.submit(self._write, gathered))

    def _write(self, gathered: list[tuple[str, int, Tables]]) -> list[StagedFile]:
        parts: dict[str, list[pa.Table]] = {}
        for source, source_key, pieces in _by_source(gathered):
            responses = pieces["completions"]
            keys = rows.completion_keys(source_key, responses["byte_offset"], responses["part"])
            found = hidden(rows.rows(_connection(), pieces, keys=keys), self._content)
            for name in self._tables & found.keys():
                conformed = rows.conform(name, found[name], source=source, ingested_at=self._now)
                parts.setdefault(name, []).append(conformed)
        return [self._staging.write(name, pa.concat_tables(tables)) for name, tables in parts.items()]


def _by_source(gathered: list[tuple[str, int, Tables]]) -> list[tuple[str, int, Tables]]:
    """One entry a source; pieces are numbered within their source, so its parts go together."""
    by_key: dict[int, tuple[str, list[Mapping[str, pa.Table]]]] = {}
    for source, source_key, pieces in gathered:
        by_key.setdefault(source_key, (source, []))[1].append(pieces)
    return [(source, key, assemble.concat(parts)) for key, (source, parts) in by_key.items()]


def _connection() -> duckdb.DuckDBPyConnection:
    if not hasattr(_worker, "con"):
        _worker.con = fold.connect()
        rows.prepare(_worker.con)
    con: duckdb.DuckDBPyConnection = _worker.con
    return con
