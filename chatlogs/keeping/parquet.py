"""How the store's Parquet files are laid out: order of rows, encodings, statistics, bloom filters.

The rule: any reader of Parquet gets the declared columns with the declared types, and finds a response
by id or key, or a model's rows, without reading a whole file.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chatlogs.errors import StoreError
from chatlogs.schema import JSON, TABLES, TEXTS, Column

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.parquet as pq

ORDER: Mapping[str, tuple[str, ...]] = {
    "completions": ("model", "system_fingerprint", "created", "completion_key"),
    "choices": ("model", "system_fingerprint", "completion_key", "choice_index"),
    "tool_calls": ("model", "system_fingerprint", "completion_key", "choice_index", "tool_call_index"),
    "messages": ("model", "system_fingerprint", "completion_key", "message_index"),
    "logprobs": ("model", "system_fingerprint", "completion_key", "choice_index", "position"),
    "chunks": ("model", "system_fingerprint", "completion_key", "chunk_index"),
    "rejects": ("source", "source_key", "line_number"),
    "sources": ("source",),
}

LOOK_UPS = ("id", "completion_key")
ROW_GROUP_ROWS = 100_000
ROW_GROUP_BYTES = 128 << 20

# Text that hardly repeats: a dictionary of it is wasted work, and its smallest and largest value say nothing.
_FREE_TEXT = {"content", "reasoning", "refusal", "arguments", "raw", "detail", "error_message"}
_UNIQUE = {*LOOK_UPS, "line_number", "byte_offset", "call_id", "request_id", "custom_id"}  # no dictionary pays here
_MANY_ROWS_A_RESPONSE = {"logprobs", "chunks"}
_TIMES = ("created", "started_at", "ingested_at", "arrived_at")
_LONGEST_STATISTIC = 100
_BUFFER_BYTES = 1 << 16
_INF = float("inf")


def fit(table: str, data: pa.Table) -> pa.Table:
    """The data with exactly the declared columns, in order and type; StoreError when it does not fit."""
    import pyarrow as pa

    schema = TABLES[table].arrow()
    if data.schema.equals(schema, check_metadata=True):
        return data
    odd = set(data.column_names) ^ set(schema.names)
    if odd or data.num_columns != len(schema):
        raise StoreError(f"rows for {table} have other columns than declared: {', '.join(sorted(odd)) or 'repeated'}.")
    try:
        return data.select(schema.names).cast(schema)
    except pa.ArrowException as error:
        raise StoreError(f"rows for {table} have other types than declared: {error}.") from error


def sorted_pieces(table: str, data: pa.Table, order: Sequence[str]) -> Iterator[pa.Table]:
    """The rows in order, in pieces small enough for 32-bit text offsets; each piece is sorted by itself.

    Wide texts come as views: none is copied before it is written.
    """
    import pyarrow as pa

    rows = max(1, min(data.num_rows, data.num_rows * (1 << 30) // max(1, data.nbytes)))
    schema = _as_views(table)
    for start in range(0, data.num_rows, rows) or (0,):
        piece = data.slice(start, rows)
        if order and len(piece):
            places = pa.array(_places([piece[name] for name in order]))
            columns = [_taken(column, places) for column in piece.cast(schema).columns]
            piece = pa.table(columns, schema=schema)
        yield piece


def _taken(column: pa.ChunkedArray, places: pa.Array) -> pa.Array | pa.ChunkedArray:
    """The column's values at these places, as many as it has."""
    import numpy as np
    import pyarrow as pa

    if column.null_count == len(column):
        return column
    if not pa.types.is_string_view(column.type):
        return column.take(places)
    values = column.combine_chunks()
    _, views, *texts = values.buffers()
    views = np.frombuffer(views, np.dtype("V16"))[values.offset :][: len(values)]  # of 16 bytes, whatever they mean
    valid = values.is_valid().take(places).buffers()[1] if values.null_count else None
    taken = pa.py_buffer(views[places.to_numpy()])
    return pa.Array.from_buffers(column.type, len(values), [valid, taken, *texts], values.null_count)


def _places(keys: Sequence[pa.ChunkedArray]) -> npt.NDArray[np.intp]:
    """Where the rows stand that come first, second, ... by these keys: nulls last, equal rows as they stand."""
    import numpy as np

    ranks = [rank for key in keys for rank in _ranks(key)]
    return np.lexsort([rank for rank in reversed(ranks) if rank.min() < rank.max()] or ranks)


def _ranks(key: pa.ChunkedArray) -> Iterator[npt.NDArray[Any]]:
    """Numbers that compare as the values do. Of texts there are few, each many times: only these are sorted."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = key.combine_chunks()
    if values.null_count:
        yield values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type) or pa.types.is_timestamp(values.type):
        yield values.cast(pa.int64()).fill_null(0).to_numpy()
        return
    coded = values.dictionary_encode()
    rank = np.zeros(max(1, len(coded.dictionary)), np.uint16 if len(coded.dictionary) < 1 << 16 else np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
    yield rank[coded.indices.fill_null(0).to_numpy()]


def gather(table: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of about a row group each, fitted to the declaration, from batches of any size."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield fit(table, pa.Table.from_batches(held))
            held, rows, size = [], 0, 0
    if rows:
        yield fit(table, pa.Table.from_batches(held))


def write(
    path: str,
    table: str,
    pieces: Iterable[pa.Table],
    rows: int,
    width: int,
    *,
    target_bytes: int | None = None,
    level: int = 1,
) -> pq.FileMetaData:
    """The footer of the file that now stands, whole and on disk, under `path`.

    `rows` and `width` (bytes) of what is to come, as far as known, size the row groups. With
    `target_bytes` no further piece is taken once the file is that large; the caller goes on with the rest.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    temporary = f"{path}.tmp"
    group = max(1_000, min(ROW_GROUP_ROWS, rows * ROW_GROUP_BYTES // max(1, width)))
    try:
        with open(temporary, "wb") as file:
            # Arrow writes by itself: through a Python file each page would wait for the interpreter.
            with (
                pa.BufferedOutputStream(pa.OSFile(temporary, "wb"), _BUFFER_BYTES) as sink,
                pq.ParquetWriter(sink, _as_views(table), **_options(table, min(rows, group), level)) as writer,
            ):
                for piece in pieces:
                    writer.write_table(piece.cast(_as_views(table)), row_group_size=group)
                    if target_bytes is not None and sink.tell() >= target_bytes:
                        break
                # Views are our own affair: whoever reads the file by its Arrow schema gets the declared one.
                writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(TABLES[table].arrow().serialize())})
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    return pq.read_metadata(path)


def delta_stats(table: str, footer: pq.FileMetaData) -> str:
    """Row count, null counts and bounds of a file as the JSON that a Delta log keeps with it.

    Only for columns that files are searched by: each opening of the table reads these again. Not for ids: they are
    random, so that bounds rule no file out, and the log would keep some of responses that are forgotten.
    """
    stats: dict[str, Any] = {"numRecords": footer.num_rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    bounded_columns = {"completion_key", *ORDER[table], *_TIMES}
    groups = [footer.row_group(g) for g in range(footer.num_row_groups)]
    for position in range(footer.num_columns):
        name = footer.schema.column(position).path
        found = [group.column(position).statistics for group in groups]
        if name not in bounded_columns or not found or any(s is None or not s.has_null_count for s in found):
            continue
        stats["nullCount"][name] = sum(s.null_count for s in found)
        bounded = [s for s in found if s.has_min_max]
        # A group of nulls has no bounds and widens none; any other group without bounds makes them unknown.
        if bounded and all(s.has_min_max or s.num_values == 0 for s in found):
            low, high = min(s.min for s in bounded), max(s.max for s in bounded)
            if all(len(str(bound)) <= _LONGEST_STATISTIC and bound not in (_INF, -_INF) for bound in (low, high)):
                stats["minValues"][name], stats["maxValues"][name] = _plain(low), _plain(high)
    return json.dumps(stats, allow_nan=False)


@functools.cache
def _as_views(table: str) -> pa.Schema:
    """The declared schema with views of the texts that are wide, or no two of them alike."""
    import pyarrow as pa

    declared = TABLES[table].arrow()
    wide = {c.name for c in TABLES[table].columns if c.type == JSON or c.name in _FREE_TEXT or c.name == "id"}
    return pa.schema([f.with_type(pa.string_view()) if f.name in wide else f for f in declared])


def _options(table: str, distinct: int, level: int) -> dict[str, Any]:
    columns = TABLES[table].columns
    searched = [_leaf(c) for c in columns if c.name not in _FREE_TEXT and c.type != JSON]
    unique = () if table in _MANY_ROWS_A_RESPONSE else _UNIQUE
    responses = distinct // 20 if table in _MANY_ROWS_A_RESPONSE else distinct
    bloom = {"ndv": max(responses, 1), "fpp": 0.01}
    return {
        "store_schema": False,
        "compression": "zstd",
        "compression_level": level,
        "use_dictionary": [name for name in searched if name not in unique],
        "write_statistics": searched,
        "bloom_filter_options": {c.name: bloom for c in columns if c.name in LOOK_UPS} or None,
    }


def _leaf(column: Column) -> str:
    return f"{column.name}.list.element" if column.type == TEXTS else column.name


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def sync(path: str) -> None:
    """Wait until a file's bytes, or a folder's names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
