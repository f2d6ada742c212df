"""JSON strings as they stand between their quotes in, what they say out."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from chatlogs import sql

_BATCH_ROWS = 1 << 15


def decoded(con: duckdb.DuckDBPyConnection, strings: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """What the strings say; null where one is no JSON."""
    con.register("strings", pa.table({"text": strings}))
    return streamed(con, sql.text("block/decoded"))["text"]


def of_their_own(table: pa.Table) -> pa.Table:
    """The table with texts in place of views of the block, of which Arrow can take no rows out."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.string()))
    return table


def streamed(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The answer as it streams out of the engine: a result kept whole there first would be in memory twice."""
    return con.sql(query).to_arrow_reader(_BATCH_ROWS).read_all()
