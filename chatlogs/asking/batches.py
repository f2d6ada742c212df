"""An answer with many texts, a part at a time, so that they are never in memory together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatlogs import sql
from chatlogs.asking import queries
from chatlogs.asking.queries import Filters

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ROWS = 5_000
_BYTES = 64 << 20
_MOST_SHARES = 32  # Each reads the files anew.


def of(cursor: duckdb.DuckDBPyConnection, report: str, filters: Filters) -> Iterator[pa.RecordBatch]:
    """The answer to a report; an empty batch comes first, and tells the columns.

    A report that joins texts is asked of a share of the responses at a time, where its SQL has a place for {share}:
    what is joined is in memory until all of it is.
    """
    import pyarrow as pa

    shares = _shares(cursor) if "{share}" in sql.text(report) else 1
    for share in range(shares):
        query = queries.build(report, filters, {"share": f"completion_key & {shares - 1} = {share}"})
        reader = cursor.sql(query.sql, params=dict(query.values)).to_arrow_reader(_ROWS)
        yield pa.RecordBatch.from_pylist([], reader.schema)
        yield from reader


def _shares(cursor: duckdb.DuckDBPyConnection) -> int:
    """A power of two, so that a share is told by the last bits of its keys, which are random."""
    ((size,),) = cursor.execute(sql.text("said")).fetchall()
    shares = 1
    while shares * _BYTES < size and shares < _MOST_SHARES:
        shares *= 2
    return shares
