"""The records of a block in, pieces of responses out: in SQL where that is exact.

Reads them from `cut_lines` and `whole_lines` (skeleton.py), and names the records it leaves
to the careful path: those no shape covers, and whole streams that need judgement (sql/block/streams.sql).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import sql
from chatlogs.normalizing import projection, skeleton
from chatlogs.reading.lines import Lines

_SETTINGS = "set threads = 1; set preserve_insertion_order = true"
# Read as text, a number, true, false or a container is told from a string by its looks; looks may deceive.
_MACROS = """create temp macro may_be_no_text(s) as coalesce(
    starts_with(s, '[') or starts_with(s, chr(123)) or s = 'true' or s = 'false'
    or case when s >= '-' and s < ':' then regexp_full_match(s, '-?[0-9][-+.0-9eE]*') else false end, false)"""
_VERDICTS = "create temp table verdicts (shape varchar, lane varchar, body varchar, has_calls bool, said_nothing bool)"
_BATCH_ROWS = 1 << 15
_REPEATS = "count(*) filter (len(padding) >= 4) - count(distinct padding || fragment) filter (len(padding) >= 4)"


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


@dataclass
class Facts:
    """What SQL read of a block's records, one row each (sql/block/facts.sql), and the lines that are not JSON."""

    table: pa.Table
    left: list[int]

    @property
    def has_chunks(self) -> bool:
        """Whether any record is a chunk that SQL may fold."""
        return bool(pc.any(pc.and_(self.table["plain"], pc.equal(self.table["lane"], "chunk"))).as_py())

    @property
    def all_plain(self) -> bool:
        return bool(pc.all(self.table["plain"]).as_py())


def read(con: duckdb.DuckDBPyConnection, lines: Lines) -> Facts:
    """Parse the block's records; shown to SQL as `facts`."""
    padded, aside = skeleton.register(con, lines)
    con.execute(sql.text("block/runs", mark=skeleton.MARK, repeats=_REPEATS if padded else "0"))
    left = aside
    try:
        table = _facts(con, "true")
    except (duckdb.InvalidInputException, OSError):  # an OSError when it streams already
        # Some line is not JSON. Testing each first costs a parse, so it is done only for such blocks.
        table = _facts(con, "json_valid(skeleton)")
        left = sorted([*aside, *(row[0] for row in con.execute(sql.text("block/invalid")).fetchall())])
    con.register("facts", table)
    return Facts(table, left)


def _facts(con: duckdb.DuckDBPyConnection, valid: str) -> pa.Table:
    query = sql.text(
        "block/facts",
        mark=skeleton.MARK,
        paths=projection.SHAPE_PATHS,
        call_paths=projection.CALL_PATHS,
        structure=projection.STRUCTURE,
        argument_paths=projection.ARGUMENT_PATHS,
        valid=valid,
    )
    table = _table(con, query)
    shapes = pc.unique(table["new_shape"]).drop_null().to_pylist()
    if shapes:
        verdicts = [list(vars(projection.judge(shape)).values()) for shape in shapes]
        con.executemany("insert into verdicts values (?, ?, ?, ?, ?)", verdicts)
        table = _table(con, query)
    return table


def _table(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The answer as it streams out of the engine: a result kept whole there first would be in memory twice."""
    return con.sql(query).to_arrow_reader(_BATCH_ROWS).read_all()


def odd_records(con: duckdb.DuckDBPyConnection, facts: Facts) -> list[Careful]:
    """Records that no SQL may read."""
    if facts.all_plain:
        return []
    con.execute("create or replace temp table streams (stream varchar, plain boolean, first_line bigint)")
    return _careful(con, "not coalesce(f.plain, false)")


def rest_of_streams(con: duckdb.DuckDBPyConnection, streams: list[str]) -> list[Careful]:
    """The plain records of streams that no SQL may fold: those named, and any it finds itself."""
    con.register("careful_streams", pa.table({"stream": pa.array(streams, pa.string())}))
    con.execute(sql.text("block/streams"))
    return _careful(con, "f.plain and not s.plain")


def _careful(con: duckdb.DuckDBPyConnection, which: str) -> list[Careful]:
    rows = con.execute(sql.text("block/careful", mark=skeleton.MARK, which=which)).fetchall()
    return [
        Careful(first, last, chunks, text.encode() if text is not None else None, lines or [first])
        for first, last, chunks, text, lines in rows
    ]


def streams(con: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The folded plain streams of the block, linked by the line that each begins in (`line_number`)."""
    names = {"completions": "block/responses", "choices": "block/choices", "tool_calls": "block/tool_calls"}
    return {table: con.sql(sql.text(name)).to_arrow_table() for table, name in names.items()}


def completions(facts: Facts) -> dict[str, pa.Table]:
    """The plain stored completions of the block, linked likewise. Their texts are not copied when all are plain."""
    plain = pc.and_(facts.table["plain"], pc.equal(facts.table["lane"], "completion"))
    rows = facts.table if pc.all(plain).as_py() else facts.table.filter(plain)
    places = {"line_number": rows["first_line"], "last_line": rows["last_line"]}
    responses = {name: rows[name] for name in _OF_RESPONSE}
    falses = pa.repeat(pa.scalar(False), len(rows))
    responses |= places | {
        "form": pa.repeat(pa.scalar("completion"), len(rows)),
        "opens": falses,
        "role_repeats": falses,
    }
    choices = {name: rows[name] for name in _OF_CHOICE} | {"line_number": rows["first_line"]}
    return {
        "completions": pa.table(responses),
        "choices": pa.table(choices),
        "tool_calls": _tool_calls(rows.filter(pc.greater(pc.list_value_length(rows["tool_calls"]), 0))),
    }


_OF_RESPONSE = ("id", "model", "system_fingerprint", "created", "service_tier", "usage")
_OF_CHOICE = ("choice_index", "role", "content", "reasoning", "refusal", "finish_reason")


def _tool_calls(rows: pa.Table) -> pa.Table:
    """The calls of stored completions, in the order sent."""
    lists = rows["tool_calls"].combine_chunks()
    parents = pc.list_parent_indices(lists)
    calls = pc.list_flatten(lists)
    starts = np.asarray(lists.offsets)[:-1] - np.asarray(lists.offsets)[0] if len(lists) else np.empty(0, np.int64)
    place = np.arange(len(calls)) - starts[np.asarray(parents)]
    return pa.table(
        {
            "line_number": rows["first_line"].take(parents),
            "choice_index": rows["choice_index"].take(parents),
            "tool_call_index": pa.array(place, pa.int64()),
            "call_id": calls.field("id"),
            "kind": pa.repeat(pa.scalar("function"), len(calls)),
            "name": calls.field("name"),
            "arguments": calls.field("arguments"),
        }
    )
