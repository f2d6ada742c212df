"""Rows of the parts of a stream in, the stream that they are out: a later part goes on with an earlier one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.moving.identity import Response
from chatlogs.normalizing.records.piece import Piece
from chatlogs.normalizing.records.pieces import finished, merge
from chatlogs.normalizing.tables import columns
from chatlogs.normalizing.tables.hiding import hidden
from chatlogs.normalizing.tables.partials import PIECES
from chatlogs.reading.asked import CONTENTS
from chatlogs.texts import whole


def streams(rows: Mapping[str, pa.Table], chains: Sequence[Sequence[int]]) -> list[Piece]:
    """The streams of which these are the parts, by their keys in order; rows: those of all parts, by table."""
    parts = columns.pieces({name: _as_pieces(name, table) for name, table in rows.items()})
    by_key = dict(zip(rows["completions"]["completion_key"].to_pylist(), parts, strict=True))
    found = []
    for first, *others in chains:
        piece = by_key[first]
        for key in others:
            _continue_calls(piece, by_key[key])
            piece = merge(piece, by_key[key])
        found.append(finished(piece))
    return found


def kept_alike(rows: Mapping[str, pa.Table], chains: Sequence[Sequence[Response]]) -> dict[str, pa.Table]:
    """The rows of all parts of streams: where one part is kept by less than others are, these are kept so too.

    Half a text beside the hash of the other half would be taken for a text.
    """
    found, order = dict(rows), list(CONTENTS)
    for least, content in enumerate(order[1:], start=1):
        of_least = [chain for chain in chains if max(order.index(part.content) for part in chain) == least]
        keys = [part.completion_key for chain in of_least for part in chain if part.content != content]
        if keys:
            is_more = {
                name: pc.is_in(table["completion_key"], pa.array(keys, pa.int64())) for name, table in found.items()
            }
            less = hidden({name: table.filter(is_more[name]) for name, table in found.items()}, content)
            found = {
                name: pa.concat_tables([table.filter(pc.invert(is_more[name])), less[name]])
                for name, table in found.items()
            }
    return found


def _continue_calls(earlier: Piece, later: Piece) -> None:
    """Number the tool calls of the later part as they go on with the earlier one's.

    A fragment with neither id nor name belongs to the call of its number, if that was open; else to one of those that
    were open last, in their order.
    """
    for choice in later.choices.values():
        before = earlier.choices[choice.index].tool_calls if choice.index in earlier.choices else []
        said: dict[int, str] = {}
        for call in before:
            said[call.index or 0] = said.get(call.index or 0, "") + (whole(call.arguments) or "")
        nameless = [call for call in choice.tool_calls if call.call_id is None and call.name is None]
        open_calls = {index for index, text in said.items() if not _is_json(text)}
        by_number = all(call.index in open_calls for call in nameless)
        last = iter(list(said)[-len(nameless) :] if nameless else ())
        taken = {call.call_id: call.index for call in before}
        fresh = itertools.count(max(said, default=-1) + 1)
        for call in choice.tool_calls:
            if call.call_id is not None or call.name is not None:
                call.index = taken.get(call.call_id) if call.call_id else None
            elif not by_number:
                call.index = next(last, None)
            call.index = next(fresh) if call.index is None else call.index


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True


def _as_pieces(name: str, table: pa.Table) -> pa.Table:
    """Final rows as the pieces they came from, numbered by their key."""
    declared = PIECES[name].arrow()
    given = {column: table[column] for column in table.column_names}
    given["piece"] = table["completion_key"]
    if name == "completions":
        given["last_line"], given["last_offset"] = table["line_number"], table["byte_offset"]
        zeros = pa.array([0] * len(table), pa.int64())
        given["part"] = zeros
        given["opens"] = given["role_repeats"] = pa.array([False] * len(table), pa.bool_())
    if name == "choices":
        given["logprob_count"] = pc.if_else(pc.is_valid(table["mean_logprob"]), table["token_count"], None)
        given["logprob_sum"] = pc.multiply(table["mean_logprob"], table["token_count"].cast(pa.float64()))
    arrays = [given.get(f.name, pa.nulls(len(table), f.type)) for f in declared]
    return pa.table(arrays, schema=declared)
