"""Odd chunks in, rows beside those of plain chunks out, so that their streams need not be folded one by one.

A chunk that had to be repaired, say, is one text more of its stream, and a flag. Only what such a row cannot hold makes
a stream one for the careful path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from chatlogs.normalizing import chunks
from chatlogs.normalizing.careful import Placed
from chatlogs.normalizing.piece import STREAM, Piece, is_placeholder, says_only
from chatlogs.normalizing.unknown import unlisted
from chatlogs.reading.lines import NO_TRANSCRIPT
from chatlogs.values import as_json, is_sound

_SECOND = 1_000_000
_IN_A_ROW = {
    "id", "model", "system_fingerprint", "service_tier", "created", "form", "chunk_count", "usage", "extra", "flags",
    "choices", "line_number", "byte_offset", "last_line", "last_offset", "opens", "role_repeats",
}  # fmt: skip
_OF_CHOICE = {
    "index", "role", "content", "reasoning", "refusal", "finish_reason", "content_filter", "extra", "tail", "growth",
    "calls",
}  # fmt: skip


def rows_of(placed: Sequence[Placed]) -> tuple[pa.Table, dict[int, Placed]]:
    """The chunks that a row can hold, as the table of chunks.py; and these by their lines."""
    rows, taken = [], {}
    for one in placed:
        row = None if one.closed or one.ahead is not None else _row(one.piece, one.transcript)
        if row is not None:
            rows.append(row)
            taken[one.piece.line_number] = one
    return chunks.table_of([_columns(rows)] if rows else []), taken


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, pa.Array]:
    types = {field.name: field.type for field in chunks.SCHEMA}
    return {name: pa.array([row[name] for row in rows], types[name]) for name in rows[0]}


def _row(piece: Piece, transcript: int) -> dict[str, Any] | None:
    if piece.form != STREAM or len(piece.choices) != 1 or (piece.id is None and transcript == NO_TRANSCRIPT):
        return None
    (choice,) = piece.choices.values()
    if not says_only(piece, _IN_A_ROW) or not says_only(choice, _OF_CHOICE) or choice.calls.runs:
        return None
    if (piece.created or 0) % _SECOND or (piece.usage is not None and is_placeholder(piece.usage)):
        return None
    texts = {name: getattr(piece, name) for name in ("id", "model", "system_fingerprint", "service_tier")}
    texts |= {name: getattr(choice, name) for name in ("role", "content", "reasoning", "refusal", "finish_reason")}
    extra, choice_extra = unlisted(piece.extra), unlisted(choice.extra)
    if not all(text is None or (type(text) is str and is_sound(text)) for text in texts.values()):
        return None
    if extra is None or choice_extra is None or choice.index < 0:
        return None
    return (
        texts
        | {
            "line": piece.line_number,
            "last_line": piece.line_number,
            "chunks": 1,
            "transcript": transcript,
            "cut": False,
            "created": None if piece.created is None else piece.created // _SECOND,
            "usage": piece.usage,
            "choice_index": choice.index,
            "extra": as_json(extra) if extra else None,
            "choice_extra": as_json(choice_extra) if choice_extra else None,
            "content_filter": choice.content_filter,
            "flags": as_json(sorted(piece.flags)) if piece.flags else None,
        }
        | dict.fromkeys(("first_fragment", "last_fragment"), texts["content"])
    )
