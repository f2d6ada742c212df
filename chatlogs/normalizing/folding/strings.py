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


def streamed(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The answer as it streams out of the engine: a result kept whole there first would be in memory twice."""
    return con.sql(query).to_arrow_reader(_BATCH_ROWS).read_all()
