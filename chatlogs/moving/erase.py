"""All there is of some responses, taken out of a store.

The rule: what stays is what there would be, had they never been read. Only the logs' counts of lines go on to
tell that there were such lines, so that every line is accounted for, and none of them is read again.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from chatlogs import engine, sql
from chatlogs.keeping import upkeep
from chatlogs.keeping.snapshot import Snapshot
from chatlogs.keeping.staging import Staging
from chatlogs.moving import ledger
from chatlogs.moving.resolve import Changes, replace_ledger
from chatlogs.normalizing.tables.partials import PIECES
from chatlogs.schema import TABLES
from chatlogs.tally import counted

_BATCH_ROWS = 10_000


@dataclass(frozen=True)
class Forgotten:
    """What went of a store, or would go: rows by table, and rejects of which the text went. `str()` says it.

    logs: where the responses were read; the logs themselves are as they were.
    """

    store: str
    rows: Mapping[str, int]
    rejects: int
    logs: Sequence[str]
    dry_run: bool

    @property
    def responses(self) -> int:
        """Responses that went, or would go."""
        return self.rows["completions"]

    def __str__(self) -> str:
        if not self.responses:
            return "nothing to forget: no response fits"
        would = "would be " if self.dry_run else ""
        rows = ", ".join(counted(count, table) for table, count in self.rows.items() if count)
        blanked = f"; {counted(self.rejects, 'rejects')} {would}blanked" if self.rejects else ""
        return f"{counted(self.responses, 'responses')} {would}forgotten: {rows}{blanked}"


def foreseen(snapshot: Snapshot, keys: Sequence[int], names: Sequence[str]) -> Forgotten:
    """What `erase` would take out; it changes nothing."""
    with _tables(snapshot, keys, names) as con:
        return _told(con, snapshot, dry_run=True)


def erase(snapshot: Snapshot, staging: Staging, keys: Sequence[int], names: Sequence[str]) -> tuple[Changes, Forgotten]:
    """What to commit so that nothing is left of the responses with these keys; and what that takes out.

    names: what they were asked for by; rejects that hold one of these, or an id of theirs, lose their text. Hold the
    store's lock from the snapshot on.
    """
    changes = Changes({})
    with _tables(snapshot, keys, names, staging.folder) as con:
        told = _told(con, snapshot, dry_run=False)
        if told.responses:
            _take_out(con, snapshot, staging, changes, keys)
            _blank(con, staging, changes)
            _count_out(con, snapshot, staging, changes)
    return changes, told


@contextmanager
def _tables(
    snapshot: Snapshot, keys: Sequence[int], names: Sequence[str], spill: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that knows the tables by name, what is `erased`, and which rejects are `blanked` for that."""
    with engine.connect(spill) as con:
        con.execute("set TimeZone = 'UTC'")
        for table in TABLES:
            places = {"filename": True, "file_row_number": True} if table == "rejects" else {}
            paths = [glob.escape(path) for path in snapshot.files(table)]
            con.read_parquet(paths, **places).create_view(table)
        con.register("erased", pa.table({"completion_key": pa.array(keys, pa.int64())}))
        con.register("named", pa.table({"name": pa.array(names, pa.string())}))
        con.execute(sql.text("erased/rejects"))
        yield con


def _told(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, dry_run: bool) -> Forgotten:
    rows = {table: _number(con, sql.text("erased/rows", table=table)) for table in PIECES}
    rejects = _number(con, "select count(*) from blanked") if rows["completions"] else 0
    logs = [source for _, source, *_ in con.execute(sql.text("erased/logs")).fetchall()]
    return Forgotten(snapshot.path, rows, rejects, list(dict.fromkeys(logs)), dry_run)


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    (row,) = con.execute(query).fetchall()
    return int(row[0])


def _take_out(
    con: duckdb.DuckDBPyConnection, snapshot: Snapshot, staging: Staging, changes: Changes, keys: Sequence[int]
) -> None:
    """The rows with these keys go from every table; those that shared an id only with them are flagged no longer."""
    others = con.sql(sql.text("erased/others")).to_arrow_table()
    changed = others["completion_key"].to_pylist()
    for table in PIECES:
        gone = pa.array([*keys, *changed] if table == "completions" else keys, pa.int64())
        changes.add[table], changes.remove[table] = upkeep.rewrite(snapshot, table, gone, staging=staging)
    if changed:
        changes.add["completions"].append(staging.write("completions", others))


def _blank(con: duckdb.DuckDBPyConnection, staging: Staging, changes: Changes) -> None:
    """Rejects that name what is erased stay as counted: place and reason, and no text."""
    hit = [path for (path,) in con.execute("select distinct filename from blanked").fetchall()]
    if hit:
        left = con.sql(sql.text("erased/rejects_left")).to_arrow_reader(_BATCH_ROWS)
        changes.add["rejects"] = staging.write_batches("rejects", left)
        changes.remove["rejects"] = [os.path.basename(path) for path in hit]


def _count_out(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, staging: Staging, changes: Changes) -> None:
    """The logs are known as before, with fewer responses, and none of these is in what is read again when they grow."""
    rows = ledger.read_ledger(snapshot)
    told = []
    for key, _, count, last in con.execute(sql.text("erased/logs")).fetchall():
        row = rows[key]
        resume = row["resume_offset"] if last < row["resume_offset"] else row["size"]
        told.append(row | {"responses": row["responses"] - count, "resume_offset": resume})
    replace_ledger(snapshot, staging, changes, rows, told)
