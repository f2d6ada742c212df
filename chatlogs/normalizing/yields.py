"""What the lines of a block come to: the declared tables, counts, rejects, and where bodies and records stand."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.careful import Found, Left, Placed
from chatlogs.normalizing.layout import UNFINISHED
from chatlogs.normalizing.records.piece import STREAM
from chatlogs.normalizing.tables.partials import PIECES, REJECTS, Partials
from chatlogs.reading.decoding import Reject
from chatlogs.reading.lines import BLANK, DONE, IGNORABLE, NO_TRANSCRIPT, OBJECT, Lines
from chatlogs.schema import arrow_schema
from chatlogs.tally import Counts
from chatlogs.values import sound

_WHOLE_LIST = re.compile(rb'[ \t]*\[[ \t]*[\[{"]')


def conform(name: str, table: pa.Table, lines: Lines) -> pa.Table:
    """The table with all declared columns: places in the source, keys of the piece, nulls for what SQL never fills."""
    first = table["line_number"].combine_chunks()
    given: dict[str, pa.Array | pa.ChunkedArray] = {column: table[column] for column in table.column_names}
    given["piece"] = first
    if name == "completions":
        offsets = lines.block.offset + lines.begin
        given["byte_offset"] = pa.array(offsets).take(first)
        given["last_offset"] = pa.array(offsets).take(table["last_line"].combine_chunks())
        given["part"] = pa.nulls(len(table), pa.int64()).fill_null(0)
        given["created"] = pc.multiply(table["created"], 1_000_000).cast(pa.int64())
        if "transcript" in given:
            given["transcript"] = _body_offsets(lines, table["transcript"].combine_chunks())
    schema = PIECES[name].arrow()
    return pa.table([_column(given.get(f.name), f.type, len(table)) for f in schema], schema=schema)


def _column(values: pa.Array | pa.ChunkedArray | None, type_: pa.DataType, length: int) -> pa.Array | pa.ChunkedArray:
    if values is None:
        return pa.nulls(length, type_)
    return values if values.type == type_ else values.cast(type_)


def body_of(lines: Lines, placed: Placed) -> int | None:
    """The offset that names the piece's body; a stream that is whole in its line is a body of its own."""
    if placed.transcript != NO_TRANSCRIPT:
        return _body_offset(lines, placed.transcript)
    return placed.piece.byte_offset if placed.closed and placed.piece.form == STREAM else None


def _body_offset(lines: Lines, transcript: int) -> int:
    return lines.block.offset + int(lines.begin[np.argmax(lines.transcript == transcript)])


def _body_offsets(lines: Lines, transcripts: pa.Array) -> pa.Array:
    if transcripts.null_count == len(transcripts):
        return pa.nulls(len(transcripts), pa.int64())
    seen, first = np.unique(lines.transcript, return_index=True)
    offsets = pa.array(lines.block.offset + lines.begin[first])
    return offsets.take(pc.index_in(transcripts.cast(pa.int32()), pa.array(seen)))


def partials_of(lines: Lines, tables: dict[str, pa.Table], found: Found) -> Partials:
    """The yield of the block, with its pieces in these tables."""
    unfinished = _mark_unfinished(lines, found)
    kinds = np.bincount(lines.kind, minlength=4)
    total = len(lines) + found.lines
    ignorable = int(kinds[IGNORABLE]) + len(found.ignorable) + found.ignorable_more
    rejects = len(found.rejects) + len(found.left)
    records = total - int(kinds[BLANK]) - ignorable - rejects
    counts = Counts(total, int(kinds[BLANK]), ignorable, records, rejects, found.repaired)
    bodies = lines.transcript[lines.transcript != NO_TRANSCRIPT]
    last_open = len(bodies) > 0 and int(bodies[-1]) == lines.bodies_closed
    holding = np.flatnonzero(lines.kind == OBJECT)
    return Partials(
        tables=tables,
        rejects=rejects_of(lines, found),
        counts=counts,
        physical_lines=len(lines),
        open_body=_body_offset(lines, int(bodies[-1])) if last_open else None,
        first_body=_body_offset(lines, 0) if len(bodies) and int(bodies[0]) == 0 else None,
        bodies_closed=lines.bodies_closed,
        first_record=int(holding[0]) if len(holding) else None,
        last_record=int(holding[-1]) if len(holding) else None,
        unfinished=unfinished,
        container="sse" if len(bodies) else "jsonl",
    )


def _mark_unfinished(lines: Lines, found: Found) -> int | None:
    """The offset of a last line that has no line end and says nothing yet: it may be whole when the log grows."""
    block = lines.block
    last = len(lines) - 1
    if found.open is not None or not block.last or last < 0 or block.data[block.size - 1 : block.size] == b"\n":
        return found.open
    if last in found.rejects:
        if found.rejects[last].reason == "unknown_shape" or _is_whole_list(lines.text(last), found.rejects[last]):
            return None
        if found.rejects[last].reason != "unexpected":  # which says more, and may be whole all the same
            found.rejects[last] = UNFINISHED
    elif not (lines.kind[last] == IGNORABLE or last in found.ignorable) or lines.raw(last).endswith(DONE):
        return None
    return block.offset + int(lines.begin[last])


def _is_whole_list(text: bytes, reject: Reject) -> bool:
    """Whether it is a list of objects, lists or texts, with which nothing goes on; `[12]` may be a logger's prefix."""
    return reject.reason == "not_an_object" and _WHOLE_LIST.match(text) is not None


def rejects_of(lines: Lines, found: Found) -> pa.Table:
    """What could not be read, as the table REJECTS: each with its place, the reason, and as it stands in the log."""
    left = list(found.left)
    for line, reject in found.rejects.items():
        left.append(Left(line, lines.block.offset + int(lines.begin[line]), lines.raw(line), reject))
    rows = [
        {
            "line_number": one.line,
            "byte_offset": one.offset,
            "reason": one.reject.reason,
            "detail": sound(one.reject.detail),  # it may name a field in half a surrogate pair
            "raw": one.text.decode("utf-8", "backslashreplace"),
        }
        for one in sorted(left, key=lambda one: (one.line, one.offset))
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(REJECTS))
