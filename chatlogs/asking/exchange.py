"""One exchange: every row of the responses that go by an id."""

from __future__ import annotations

import duckdb
import polars as pl

from chatlogs import sql
from chatlogs.asking.frames import frame
from chatlogs.schema import TABLES

_NAMES = ("id = $id", "completion_key = try_cast($id as bigint)", "request_id = $id", "custom_id = $id")
"""What a response may go by, in the order they are tried."""


def find(cursor: duckdb.DuckDBPyConnection, id: str) -> dict[str, pl.DataFrame] | None:
    """The rows of the responses that go by an id, by table; None when there is none."""
    for name in _NAMES:
        found = frame(cursor.sql(sql.text("show", where=name), params={"id": id}))
        if found.height:
            break
    else:
        return None
    keys = ", ".join(map(str, found["completion_key"]))
    children = [name for name, table in TABLES.items() if "completion_key" in table.names and name != "completions"]
    return {
        "completions": found,
        **{name: frame(cursor.sql(sql.text("rows_of", table=name, keys=keys))) for name in children},
    }
