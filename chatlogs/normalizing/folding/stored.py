"""Rows of stored completions, as templates and SQL read them, to their piece tables. No text is copied."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding import unknown
from chatlogs.normalizing.folding.probabilities import Tokens
from chatlogs.normalizing.folding.strings import of_their_own

_OF_RESPONSE = ("id", "model", "system_fingerprint", "created", "service_tier", "provider", "request_id", "usage")
_OF_CHOICE = ("choice_index", "role", "content", "reasoning", "refusal", "finish_reason")


def completions(rows: pa.Table, tokens: Tokens | None) -> dict[str, pa.Table]:
    """The pieces of plain stored completions, linked by their lines (`line_number`), and what is known of tokens.

    A row for each choice in, of which the first speaks for the response.
    """
    choices = rows
    if "place" in rows.column_names and rows["place"].null_count < len(rows):
        rows = of_their_own(rows)
        choices = rows.sort_by([("line", "ascending"), ("choice_index", "ascending")])
        rows = rows.filter(pc.equal(pc.fill_null(rows["place"], 0), 0))
    falses = pa.repeat(pa.scalar(False), len(rows))
    responses = {name: rows[name] for name in _OF_RESPONSE} | {
        "extra": _kept(rows, "extra"),
        "line_number": rows["line"],
        "last_line": rows["line"],
        "form": pa.repeat(pa.scalar("completion"), len(rows)),
        "opens": falses,
        "role_repeats": falses,
    }
    pieces = {
        "completions": pa.table(responses),
        "choices": pa.table(
            {name: choices[name] for name in _OF_CHOICE}
            | {"extra": _kept(choices, "choice_extra"), "content_filter": _kept(choices, "content_filter")}
            | {"line_number": choices["line"]}
        ),
    }
    if tokens is not None:
        pieces["choices"] = tokens.of_stored(pieces["choices"])
    if "tool_calls" in rows.column_names:
        calls = rows.select(["line", "choice_index", "tool_calls"])
        calls = calls.filter(pc.greater(pc.list_value_length(calls["tool_calls"]), 0))
        pieces["tool_calls"] = _tool_calls(calls)
    return pieces


def _kept(rows: pa.Table, name: str) -> pa.Array:
    """The fields that have no column, as they are kept; records that SQL has parsed have none."""
    if name not in rows.column_names or rows[name].null_count == len(rows):
        return pa.nulls(len(rows), pa.string())
    return unknown.all_kept(rows[name].combine_chunks())


def _tool_calls(rows: pa.Table) -> pa.Table:
    """The calls of stored completions, in the order sent."""
    lists = rows["tool_calls"].combine_chunks()
    parents = pc.list_parent_indices(lists)
    calls = pc.list_flatten(lists)
    starts = np.asarray(lists.offsets)[:-1] - np.asarray(lists.offsets)[0] if len(lists) else np.empty(0, np.int64)
    place = np.arange(len(calls)) - starts[np.asarray(parents)]
    return pa.table(
        {
            "line_number": rows["line"].take(parents),
            "choice_index": rows["choice_index"].take(parents),
            "tool_call_index": pa.array(place, pa.int64()),
            "call_id": calls.field("id"),
            "kind": pa.repeat(pa.scalar("function"), len(calls)),
            "name": calls.field("name"),
            "arguments": calls.field("arguments"),
        }
    )
