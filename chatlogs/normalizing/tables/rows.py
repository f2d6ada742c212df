"""Pieces of whole responses in, rows of the final tables out.

All that can be derived from a piece is derived here, once, whichever path read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import schema, sql
from chatlogs.finish import FINISH_CLASSES, OTHER
from chatlogs.normalizing.tables import usages
from chatlogs.schema import KEYS

_Columns = dict[str, pa.Array | pa.ChunkedArray]
_ASKED = ("id", "usage", "error_code", "error_type", "error_message", "flags")
_KEYS = [column.name for column in KEYS]


def completion_keys(source_key: int, byte_offset: pa.ChunkedArray, part: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The surrogate key of each response: distinct within a source by construction, and the same in every run."""
    place = byte_offset.to_numpy().astype(np.uint64) << np.uint64(16) | part.to_numpy().astype(np.uint64)
    return _mix(_mix(place) ^ np.uint64(source_key & (1 << 64) - 1)).view(np.int64)


def hashes(con: duckdb.DuckDBPyConnection, texts: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Numbers of the texts that are there: where these differ, the texts do."""
    con.register("texts", pa.table({"text": texts}))
    query = "select hash(text) as number from texts where text is not null"
    return con.sql(query).to_arrow_table()["number"].to_numpy()


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of splitmix64: a bijection that spreads neighbours over all 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Teach a connection what the row queries need; once."""
    usages.prepare(con)


def rows(
    con: duckdb.DuckDBPyConnection, pieces: Mapping[str, pa.Table], *, keys: npt.NDArray[np.int64]
) -> dict[str, pa.Table]:
    """The final rows of these pieces, by table, in their order; no text is copied.

    `source`, `source_key`, `ingested_at` and `duplicates` are left to whoever stores them. Tables without rows are left
    out, but for completions.
    """
    responses = pieces["completions"].append_column("completion_key", pa.array(keys))
    place = {name: pc.index_in(table["piece"], responses["piece"]) for name, table in pieces.items()}
    derived = {
        "completions": _of_completions(con, responses, pieces["choices"], place["choices"]),
        "choices": _of_choices(pieces, place),
        "tool_calls": _of_tool_calls(con, pieces["tool_calls"]),
    }
    result = {"completions": _beside("completions", derived["completions"], responses)}
    for name, table in pieces.items():
        if len(table) and name != "completions":
            keyed = {key: _taken(responses[key], place[name]) for key in _KEYS} | derived.get(name, {})
            result[name] = _beside(name, keyed, table)
    return result


def _of_completions(
    con: duckdb.DuckDBPyConnection, responses: pa.Table, choices: pa.Table, place: pa.ChunkedArray
) -> _Columns:
    ended = place.filter(pc.is_valid(choices["finish_reason"]))
    counts = {"choices": _counts(place, len(responses)), "finished": _counts(ended, len(responses))}
    con.register("piece_completions", pa.table({name: responses[name] for name in _ASKED} | counts))
    derived = _columns(con.sql(sql.text("rows/completions")).to_arrow_table())
    return derived | usages.token_counts(con, responses["usage"])


def _of_choices(pieces: Mapping[str, pa.Table], place: Mapping[str, pa.ChunkedArray]) -> _Columns:
    choices, calls = pieces["choices"], pieces["tool_calls"]
    reasons, classes = pa.array(FINISH_CLASSES.keys()), pa.array([*FINISH_CLASSES.values(), OTHER])
    known = pc.fill_null(pc.index_in(pc.utf8_lower(choices["finish_reason"]), reasons), len(reasons))
    seen = pc.is_valid(choices["finish_reason"])
    count = pa.repeat(pa.scalar(0, pa.int64()), len(choices))
    if len(calls):
        count = _calls_of(choices, calls, place)
    return {
        "finish_class": pc.if_else(seen, classes.take(known.combine_chunks()), None),
        "tool_call_count": count,
        "mean_logprob": pc.divide(choices["logprob_sum"], pc.cast(choices["logprob_count"], pa.float64())),
    }


def _calls_of(choices: pa.Table, calls: pa.Table, place: Mapping[str, pa.ChunkedArray]) -> pa.Array:
    """How many of the calls each choice makes."""
    made = Counter(zip(place["tool_calls"].to_pylist(), calls["choice_index"].to_pylist(), strict=True))
    makers = zip(place["choices"].to_pylist(), choices["choice_index"].to_pylist(), strict=True)
    return pa.array([made[maker] for maker in makers], pa.int64())


def _of_tool_calls(con: duckdb.DuckDBPyConnection, calls: pa.Table) -> _Columns:
    if not len(calls):
        return {}
    con.register("piece_tool_calls", calls.append_column("place", pa.array(np.arange(len(calls)))))
    return _columns(con.sql(sql.text("rows/tool_calls")).to_arrow_table())


def _counts(place: pa.ChunkedArray, responses: int) -> pa.Array:
    return pa.array(np.bincount(place.to_numpy(), minlength=responses))


def _taken(column: pa.ChunkedArray, place: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column's values at the places: the column itself where each response has its one row, in order."""
    places = place.to_numpy()
    is_whole = len(places) == len(column) and bool(np.array_equal(places, np.arange(len(column))))
    return column if is_whole else column.take(place)


def _columns(table: pa.Table) -> _Columns:
    return dict(zip(table.column_names, table.columns, strict=True))


def _beside(name: str, derived: _Columns, pieces: pa.Table) -> pa.Table:
    """The derived columns of a table beside those the pieces have; what only a piece has stays behind."""
    columns = {column: pieces[column] for column in pieces.column_names} | derived
    return pa.table({column: columns[column] for column in schema.TABLES[name].names if column in columns})


def conform(name: str, table: pa.Table, **given: object) -> pa.Table:
    """The table in its declared schema; columns it lacks are those given: a constant, or a column of its own."""
    declared = schema.TABLES[name].arrow()
    arrays = []
    for column in declared:
        values = table[column.name] if column.name in table.column_names else given[column.name]
        if not isinstance(values, (pa.Array, pa.ChunkedArray)):
            values = pa.repeat(pa.scalar(values, column.type), len(table))
        arrays.append(values if values.type == column.type else values.cast(column.type))
    return pa.table(arrays, schema=declared)
