"""What a log gives, in forms that can be compared: pieces by block, whole responses, rows of a store.

Numbers of pieces are drawn as they come; so children are shown by the place of their response instead.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from chatlogs.moving.assemble import Assembler, Tables, concat
from chatlogs.normalizing.layout import is_document
from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.tables import rows
from chatlogs.normalizing.tables.partials import Partials
from chatlogs.reading.blocks import BLOCK_BYTES, Reader
from chatlogs.reading.lines import Block
from chatlogs.reading.opening import Digests, Opened
from chatlogs.reading.sources import Source
from chatlogs.schema import TABLES
from chatlogs.tally import Counts

Rows = dict[str, list[dict[str, Any]]]
Normalize = Callable[[Block], Partials]

_PLACE = ("byte_offset", "part")
_CHILD_KEYS = ("choice_index", "tool_call_index", "message_index", "position", "chunk_index")
_JSON = (
    "usage",
    "extra",
    "metadata",
    "request",
    "content_filter",
    "annotations",
    "audio",
    "bytes",
    "top_logprobs",
    "content_parts",
)


def shown(tables: Mapping[str, pa.Table], *, without: Iterable[str] = ()) -> Rows:
    """Piece tables as sorted rows, children under the place of their response; JSON by its value."""
    responses = tables["completions"].to_pylist()
    places = {row["piece"]: tuple(row[name] for name in _PLACE) for row in responses}
    assert len(places) == len(responses), "a piece number stands twice"
    assert len(set(places.values())) == len(places), "two responses stand at one place"
    result: Rows = {}
    for name, table in tables.items():
        found = [_plain(row, places, {"piece", *without}) for row in table.to_pylist()]
        result[name] = sorted(
            found,
            key=lambda row: (row["place"], *(row.get(key) if row.get(key) is not None else -1 for key in _CHILD_KEYS)),
        )
    _count_calls(result.get("tool_calls", []))
    return result


def _count_calls(calls: list[dict[str, Any]]) -> None:
    """Number the calls of each choice in order, as their rows are: a slot that a server leaves out is no call."""
    for _, made in itertools.groupby(calls, key=lambda call: (call["place"], call["choice_index"])):
        for place, call in enumerate(made):
            call["tool_call_index"] = place


def _plain(row: dict[str, Any], places: Mapping[int, Any], without: set[str]) -> dict[str, Any]:
    shown = {key: value for key, value in row.items() if key not in without} | {"place": places[row["piece"]]}
    if shown.get("logprob_sum") is not None:
        shown["logprob_sum"] = round(shown["logprob_sum"], 9)
    for key in _JSON:
        if isinstance(shown.get(key), str):
            shown[key] = _value(shown[key])
    if "flags" in shown:
        shown["flags"] = sorted(set(shown["flags"] or ()) - {"no_id"})
    return shown


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def opened(data: bytes, name: str = "log") -> Opened:
    """The bytes as a source that is being read."""
    return Opened(io.BytesIO(data), Digests(), "none", Source(name, None))  # type: ignore[arg-type]


def blocks(data: bytes, *, block_bytes: int = BLOCK_BYTES) -> list[Block]:
    """The blocks a reader cuts the bytes into."""
    return list(Reader(opened(data), block_bytes=block_bytes).blocks(is_document=is_document))


def assembled(
    data: bytes, *, block_bytes: int = BLOCK_BYTES, with_: Normalize = normalize, logprobs: bool = False
) -> tuple[Tables, Counts, list[tuple[Any, ...]]]:
    """Whole responses of a log read block by block, its counts, and its rejects. logprobs: as `with_` is asked."""
    assembler, counts, line_base = Assembler(logprobs=logprobs), Counts(), 0
    settled, rejects = [], []
    for block in blocks(data, block_bytes=block_bytes):
        partials = with_(block)
        end = block.offset + block.size
        settled.append(assembler.add(partials, line_base=line_base, end=end, last=block.last))
        for row in partials.rejects.to_pylist():
            rejects.append((row["line_number"] + line_base, row["byte_offset"], row["reason"], row["raw"]))
        counts += partials.counts
        line_base += partials.physical_lines
    return concat(settled), counts, rejects


def final_rows(tables: Tables) -> Rows:
    """The rows of the final tables that whole responses give."""
    con = duckdb.connect()
    rows.prepare(con)
    keys = rows.completion_keys(1, tables["completions"]["byte_offset"], tables["completions"]["part"]).astype(np.int64)
    return {name: table.to_pylist() for name, table in rows.rows(con, tables, keys=keys).items()}


_ORDER = {
    "completions": "all",
    "rejects": "source, byte_offset, raw",
    "sources": "source_key",
}
_PASSING = {"ingested_at", "ingest_id"}


def stored(store: str | Path, *, without: Iterable[str] = ()) -> Rows:
    """All rows of a store by plain DuckDB over its Parquet files, less what tells when they were read."""
    result: Rows = {}
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        for name, table in TABLES.items():
            left = [column for column in table.names if column not in {*_PASSING, *without}]
            query = f"select {', '.join(left)} from read_parquet('{store}/{name}/*.parquet') order by all"
            result[name] = con.sql(query).to_arrow_table().to_pylist()
    return result
