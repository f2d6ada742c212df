"""Pieces of whole responses in, rows of the final tables out.

All that can be derived from a piece is derived here, once, whichever path read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlogs import schema, sql
from chatlogs.finish import FINISH_CLASSES
from chatlogs.normalizing.partials import PIECES

_DETAILS = {
    "prompt": "cached cache_write audio",
    "completion": "reasoning audio accepted_prediction rejected_prediction",
}
USAGE_STRUCTURE = json.dumps(
    dict.fromkeys(
        "prompt_tokens completion_tokens total_tokens reasoning_tokens cached_tokens num_cached_tokens "
        "prompt_cache_hit_tokens cache_creation_input_tokens".split(),
        "VARCHAR",
    )
    | {f"{side}_tokens_details": {f"{n}_tokens": "VARCHAR" for n in names.split()} for side, names in _DETAILS.items()}
)
_WHOLE_NUMBER = """create or replace temp macro whole_number(v) as
    if(contains(v, '.') and try_cast(v as double) <> trunc(try_cast(v as double)), null, try_cast(v as bigint))"""
_QUERIES = {
    "completions": "rows/completions", "choices": "rows/choices", "tool_calls": "rows/tool_calls",
    "messages": "rows/children", "logprobs": "rows/children", "chunks": "rows/children",
}  # fmt: skip


def completion_keys(source_key: int, byte_offset: pa.ChunkedArray, part: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The surrogate key of each response: distinct within a source by construction, and the same in every run."""
    place = byte_offset.to_numpy().astype(np.uint64) << np.uint64(16) | part.to_numpy().astype(np.uint64)
    return _mix(_mix(place) ^ np.uint64(source_key & (1 << 64) - 1)).view(np.int64)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of splitmix64: a bijection that spreads neighbours over all 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Teach a connection what the row queries need; once."""
    con.execute(_WHOLE_NUMBER)
    classes = {"finish_reason": list(FINISH_CLASSES), "finish_class": list(FINISH_CLASSES.values())}
    con.register("finish_classes", pa.table(classes))


def rows(
    con: duckdb.DuckDBPyConnection, pieces: Mapping[str, pa.Table], *, keys: npt.NDArray[np.int64]
) -> dict[str, pa.Table]:
    """The final rows of these pieces, by table; `source` and `ingested_at` are left to whoever stores them."""
    con.register("piece_keys", pa.table({"piece": pieces["completions"]["piece"], "completion_key": pa.array(keys)}))
    for name in PIECES:
        place = pa.array(np.arange(len(pieces[name])))
        con.register(f"piece_{name}", pieces[name].append_column("place", place))
    result = {}
    for name, query in _QUERIES.items():
        if name != "completions" and not len(pieces[name]):
            continue
        text = sql.text(query, usage_structure=USAGE_STRUCTURE, table=name)
        derived = con.sql(text).to_arrow_table()
        result[name] = _beside(derived, pieces[name]) if "place" in derived.column_names else derived
    return result


def _beside(derived: pa.Table, pieces: pa.Table) -> pa.Table:
    """The derived columns, put in the order of the pieces, beside those the pieces have; no text is copied."""
    derived = derived.sort_by("place").drop_columns("place")
    for name in pieces.column_names:
        if name not in derived.column_names:
            derived = derived.append_column(name, pieces[name])
    return derived


def conform(name: str, table: pa.Table, **constants: object) -> pa.Table:
    """The table in its declared schema; columns it lacks are filled with the constants given for them."""
    declared = schema.TABLES[name].arrow()
    arrays = []
    for column in declared:
        if column.name in constants:
            arrays.append(pa.repeat(pa.scalar(constants[column.name], column.type), len(table)))
        else:
            values = table[column.name]
            arrays.append(values if values.type == column.type else values.cast(column.type))
    return pa.table(arrays, schema=declared)
