"""Odd chunks in, rows beside those of plain chunks out, so that their streams need not be folded one by one.

A chunk that had to be repaired, say, is one text more of its stream, and a flag; what a wrapper says of it is put
beside the folded stream. Only what neither can hold makes a stream one for the careful path.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.careful import Placed
from chatlogs.normalizing.folding import chunks
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.folding.unknown import unlisted
from chatlogs.normalizing.padded import repeated
from chatlogs.normalizing.records.finishing import is_plain
from chatlogs.normalizing.records.piece import ONE_VALUE, STREAM, Choice, Piece, is_placeholder, merge_facts, says_only
from chatlogs.normalizing.tables import columns
from chatlogs.reading.lines import NO_TRANSCRIPT, Ints
from chatlogs.values import as_json

_SECOND = 1_000_000
_OF_PIECE = ("id", "model", "system_fingerprint", "service_tier", "provider", "request_id")
_OF_CHOICE = ("role", "content", "reasoning", "refusal", "finish_reason")
_FACTS = tuple(name for name in ONE_VALUE if name not in (*_OF_PIECE, "created"))
_IN_A_ROW = frozenset({
    *_OF_PIECE, "created", "form", "chunk_count", "usage", "extra", "flags", "choices", "line_number", "byte_offset",
    "last_line", "last_offset", "opens", "role_repeats", "chunks",
})  # fmt: skip
_HELD = _IN_A_ROW.union(_FACTS, ("messages",))
_HELD_OF_CHOICE = frozenset({*_OF_CHOICE, "index", "content_filter", "extra", "tail", "growth", "calls"})
_texts_of_piece, _texts_of_choice = operator.attrgetter(*_OF_PIECE), operator.attrgetter(*_OF_CHOICE)
_beside = operator.attrgetter(*_FACTS, "messages")
_NO_CHOICE = Choice(chunks.NONE)
_TYPES = {field.name: field.type for field in chunks.SCHEMA}


def rows_of(placed: Sequence[Placed], begins: Ints) -> tuple[pa.Table, dict[int, Placed]]:
    """The chunks that a row can hold, as the table of chunks.py; and these by their lines, one in each.

    begins: where in the log each line begins, and with it what a row can hold: not what stands behind words.
    """
    rows, taken = [], {}
    in_line = Counter(one.piece.line_number for one in placed)
    twice = repeated(placed)
    for one in placed:
        is_alone = in_line[one.piece.line_number] == 1 and not one.closed and one.ahead is None
        is_alone &= one.piece.byte_offset == begins[one.piece.line_number]
        is_alone &= not twice or (one.transcript, one.padded) not in twice
        row = _row(one.piece, one.transcript) if is_alone else None
        if row is not None:
            rows.append(row)
            taken[one.piece.line_number] = one
    return chunks.table_of([_columns(rows)] if rows else []), taken


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, pa.Array]:
    return {name: pa.array([row[name] for row in rows], _TYPES[name]) for name in rows[0]}


def _row(piece: Piece, transcript: int) -> dict[str, Any] | None:
    if piece.form != STREAM or len(piece.choices) > 1 or (piece.id is None and transcript == NO_TRANSCRIPT):
        return None
    choice = next(iter(piece.choices.values()), _NO_CHOICE)
    if not says_only(choice, _HELD_OF_CHOICE) or choice.calls.runs or (piece.choices and choice.index < 0):
        return None
    if (piece.created or 0) % _SECOND or (piece.usage is not None and is_placeholder(piece.usage)):
        return None
    if piece.role_repeats or piece.error_message or piece.error_code:  # two entries of its choice; perhaps an end
        return None
    if not says_only(piece, _IN_A_ROW) and not (says_only(piece, _HELD) and is_plain([*filter(None, _beside(piece))])):
        return None
    texts = (*_texts_of_piece(piece), *_texts_of_choice(choice))
    extra, choice_extra = unlisted(piece.extra), unlisted(choice.extra)
    if extra is None or choice_extra is None or not is_plain((extra, choice_extra)) or not _are_texts(texts):
        return None
    row = dict(zip((*_OF_PIECE, *_OF_CHOICE), texts, strict=True))
    row["line"] = row["last_line"] = piece.line_number
    row["chunks"], row["transcript"], row["cut"] = 1, transcript, False
    row["created"] = None if piece.created is None else piece.created // _SECOND
    row["usage"], row["content_filter"] = piece.usage, choice.content_filter
    row["choice_index"] = choice.index if piece.choices else None
    row["extra"] = as_json(extra) if extra else None
    row["choice_extra"] = as_json(choice_extra) if choice_extra else None
    row["flags"] = as_json(sorted(piece.flags)) if piece.flags else None
    row["first_fragment"] = row["last_fragment"] = choice.content
    return row


def _are_texts(values: Sequence[object]) -> bool:
    """Whether these are strings that UTF-8 can hold, those aside that were not sent."""
    try:
        "".join([value for value in values if value is not None]).encode()  # type: ignore[misc]
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def told(streams: Streams, taken: Mapping[int, Placed], spans: Mapping[int, tuple[int, int]]) -> dict[int, Piece]:
    """What these chunks say that their rows do not hold, by the first line of each one's stream.

    spans: when the first and the last chunk of each stream arrived, of which that is known.
    """
    telling = sorted(line for line, placed in taken.items() if not says_only(placed.piece, _IN_A_ROW))
    rows = np.searchsorted(streams.chunks.numbers["line"], telling)
    found = {line: Piece(first_chunk_at=least, last_chunk_at=most) for line, (least, most) in spans.items()}
    for line, first in zip(telling, streams.first_line[rows].tolist(), strict=True):
        piece, of_stream = taken[line].piece, found.setdefault(first, Piece())
        merge_facts(of_stream, piece)
        of_stream.messages = of_stream.messages or piece.messages
    return found


def beside(tables: dict[str, pa.Table], told: Mapping[int, Piece]) -> dict[str, pa.Table]:
    """The piece tables of streams, which are numbered by their first lines, with what else they were told."""
    if not told:
        return tables
    responses = tables["completions"]
    place = pc.index_in(responses["piece"].combine_chunks(), pa.array(told, pa.int64()))
    for name in _FACTS:
        values = [getattr(piece, name) for piece in told.values()]
        if any(value is not None for value in values):
            at = responses.schema.get_field_index(name)
            field = responses.schema.field(at)
            column = pc.coalesce(pa.array(values, field.type).take(place), responses[name].combine_chunks())
            responses = responses.set_column(at, field, column)
    asking = {number: piece for number, piece in told.items() if piece.messages}
    if not asking:
        return tables | {"completions": responses}
    own = columns.tables(asking.values(), first=0)["messages"]
    piece = pa.array(asking, pa.int64()).take(own["piece"].combine_chunks())
    own = own.set_column(own.schema.get_field_index("piece"), own.schema.field("piece"), piece)
    return tables | {"completions": responses, "messages": pa.concat_tables([tables["messages"], own])}
