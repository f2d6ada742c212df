"""One exchange: every row of the responses that go by an id."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl

from chatlogs import sql
from chatlogs.asking.frames import frame
from chatlogs.errors import ChatlogsError
from chatlogs.schema import TABLES

_NAMES = ("id = $id", "completion_key = try_cast($id as bigint)", "request_id = $id", "custom_id = $id")
"""What a response may go by, in the order they are tried."""


class NotFound(ChatlogsError):
    """Nothing goes by the id that was asked for."""


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


def keys(cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[set[int], list[str]]:
    """The keys of the responses that `find` would find by these names, and the names that nothing goes by."""
    found: set[int] = set()
    left = list(names)
    for match in _NAMES:
        query = sql.text("goes_by", match=match.replace("$id", "name"))
        rows = cursor.execute(query, {"names": left}).fetchall() if left else []
        found.update(key for _, key in rows)
        known = {name for name, _ in rows}
        left = [name for name in left if name not in known]
    return found, left


def not_found(cursor: duckdb.DuckDBPyConnection, names: Sequence[str], path: str) -> NotFound:
    """The error for names that nothing goes by, with the ids that look like the first of them."""
    near = [id for (id,) in cursor.execute(sql.text("near"), {"id": names[0]}).fetchall()]
    hint = f" The nearest: {', '.join(near)}." if near else ""
    others = f", nor by {', '.join(repr(name) for name in names[1:4])}" if names[1:] else ""
    others += f" and {len(names) - 4} more" if names[4:] else ""
    return NotFound(f"no response goes by '{names[0]}'{others} in {path}.{hint}")
