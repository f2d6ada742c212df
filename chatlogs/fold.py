"""The records of a block in, pieces of responses out: in SQL where that is exact.

Fills the piece tables from `cut_lines` and `whole_lines` (skeleton.py), and names the records it leaves
to the careful path: those no shape covers, and whole streams that need judgement (sql/block_streams.sql).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from chatlogs import projection, skeleton, sql
from chatlogs.lines import Lines

_SETTINGS = "set threads = 1; set preserve_insertion_order = true"
_MACROS = "create temp macro is_container(s) as coalesce(starts_with(s, '[') or starts_with(s, chr(123)), false)"
_VERDICTS = "create temp table verdicts (shape varchar, lane varchar, body varchar, has_calls bool, said_nothing bool)"


@dataclass(frozen=True)
class Careful:
    """A record, or a run of records alike, that the careful path reads.

    text: the JSON with the joined text in it, or None to read the lines one by one. lines: their numbers.
    """

    first_line: int
    last_line: int
    chunks: int
    text: bytes | None
    lines: list[int]


def connect() -> duckdb.DuckDBPyConnection:
    """A connection for one worker: one thread, so that text is joined in the order of the lines."""
    con = duckdb.connect()
    con.execute(_SETTINGS)
    con.execute(_MACROS)
    con.execute(_VERDICTS)
    return con


def read(con: duckdb.DuckDBPyConnection, lines: Lines) -> list[int]:
    """Parse the block's records into the temporary table `facts`; the numbers of lines that are not JSON come back."""
    skeleton.register(con, lines)
    con.execute(sql.text("block_runs", mark=skeleton.MARK))
    invalid: list[int] = []
    try:
        _fill_facts(con, "true")
    except duckdb.InvalidInputException:
        # Some line is not JSON. Testing each first costs a parse, so it is done only for such blocks.
        _fill_facts(con, "json_valid(skeleton)")
        invalid = [row[0] for row in con.execute(sql.text("block_invalid")).fetchall()]
    return invalid


def _fill_facts(con: duckdb.DuckDBPyConnection, valid: str) -> None:
    query = sql.text(
        "block_facts",
        mark=skeleton.MARK,
        paths=projection.SHAPE_PATHS,
        structure=projection.STRUCTURE,
        argument_paths=projection.ARGUMENT_PATHS,
        valid=valid,
    )
    con.execute(query)
    shapes = con.execute("select distinct new_shape from facts where new_shape is not null").fetchall()
    if shapes:
        verdicts = [vars(projection.judge(shape)).values() for (shape,) in shapes]
        con.executemany("insert into verdicts values (?, ?, ?, ?, ?)", [list(verdict) for verdict in verdicts])
        con.execute(query)


def odd_records(con: duckdb.DuckDBPyConnection) -> list[Careful]:
    """Records that no SQL may read."""
    con.execute("create or replace temp table streams (stream varchar, plain boolean, first_line bigint)")
    return _careful(con, "not coalesce(f.plain, false)")


def rest_of_streams(con: duckdb.DuckDBPyConnection, streams: pa.Table) -> list[Careful]:
    """The plain records of streams that no SQL may fold: those named (a column `stream`), and any it finds itself."""
    con.register("careful_streams", streams)
    con.execute(sql.text("block_streams"))
    return _careful(con, "f.plain and not s.plain")


def _careful(con: duckdb.DuckDBPyConnection, which: str) -> list[Careful]:
    rows = con.execute(sql.text("block_careful", mark=skeleton.MARK, which=which)).fetchall()
    return [
        Careful(first, last, chunks, text.encode() if text is not None else None, lines or [first])
        for first, last, chunks, text, lines in rows
    ]


def pieces(con: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The plain pieces of the block, linked by the line their response begins in (`line_number`)."""
    names = {"completions": "block_responses", "choices": "block_choices", "tool_calls": "block_tool_calls"}
    return {table: _arrow(con, sql.text(name)) for table, name in names.items()}


def _arrow(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    return con.sql(query).to_arrow_table()
