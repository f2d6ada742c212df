"""Lists of messages in, rows of messages out: the same as `requests.messages_of` says of each list.

What a message says in plain strings is cut out of the log where it stands; only one that says more is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from chatlogs.normalizing.records.requests import messages_of
from chatlogs.normalizing.scanning.structure import EMPTY_LIST, EMPTY_TEXT, NOTHING, NULL, TEXT
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.tables.partials import PIECES
from chatlogs.normalizing.unwrapping.cells import ABSENT, Cells, decoded, taken
from chatlogs.reading.camelcase import CAMEL
from chatlogs.reading.lines import Ints
from chatlogs.values import as_json

_SCHEMA = PIECES["messages"].arrow()
_WORDS = ("role", "name", "tool_call_id")
_OTHERS = ("content_parts", "function_call")
_SAID = (*_WORDS, "content", "tool_calls", *_OTHERS)
_DECODED = ("content", "content_parts", "tool_calls")
_MOST_SLICES = 1 << 10  # of a column; of more of them a copy is made


def conversations(lists: Cells, depth: int) -> pa.Table:
    """The rows of these lists of messages, each of which opens that depth; `piece` is the line."""
    structure = lists.structure
    opening, owner = structure.elements(structure.at(lists.start), depth, lists.line)
    if not len(opening):
        return _SCHEMA.empty_table()
    line = lists.line[owner]
    members = structure.members(opening, depth + 1, line)
    code, names = structure.names(members, line)
    is_other = np.isin(code, [number for number, name in enumerate(names) if name in CAMEL])
    structure.bad[line[members.owner[is_other]]] = True
    said = {name: _column(members.owner, code == names.index(name), members.start, members.end, line, lists)
            for name in _SAID if name in names}  # fmt: skip
    nothing = np.full(len(line), ABSENT)
    given = {name: said.get(name, Cells(structure, line, nothing, nothing)) for name in _SAID}
    content, calls = given["content"].kinds(), given["tool_calls"].kinds()
    odd = ~np.isin(content, (NOTHING, NULL, TEXT, EMPTY_TEXT))
    for name in _OTHERS:
        odd |= given[name].start >= 0
    columns: dict[str, Any] = {name: given[name].texts() for name in _WORDS}
    columns |= {name: pa.nulls(len(line), pa.string()) for name in _DECODED}
    columns["content"] = given["content"].strings((content == TEXT) | (content == EMPTY_TEXT))
    if np.isin(calls, (NOTHING, NULL, EMPTY_LIST), invert=True).any():
        columns["tool_calls"] = given["tool_calls"].each(_calls, pa.string())
    if odd.any():
        columns |= _one_by_one(given, np.flatnonzero(odd), structure, opening, depth + 1, line, columns)
    first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    count = np.diff(np.append(first, len(owner)))
    columns["piece"] = pa.array(structure.line[line])
    columns["message_index"] = pa.array(np.arange(len(owner)) - np.repeat(first, count))
    return pa.table([columns[f.name].cast(f.type) for f in _SCHEMA], schema=_SCHEMA)


def _column(owner: Ints, ours: Bools, start: Ints, end: Ints, line: Ints, lists: Cells) -> Cells:
    """A field of the messages, of which some may lack it."""
    begin, until = (np.full(len(line), ABSENT) for _ in range(2))
    begin[owner[ours]], until[owner[ours]] = start[ours], end[ours]
    return Cells(lists.structure, line, begin, until)


def _calls(part: bytes) -> str | None:
    calls = decoded(part)
    return as_json(calls) if calls else None


def _one_by_one(
    given: Mapping[str, Cells], rows: Ints, structure: Any, opening: Ints, depth: int, line: Ints,
    columns: Mapping[str, pa.Array],
) -> dict[str, pa.Array]:  # fmt: skip
    """The columns with what these rows say, each message of which is decoded."""
    start = structure.place[opening[rows]]
    end = structure.place[structure.closing(opening[rows], depth)] + 1
    messages = Cells(structure, line[rows], start, end)
    said: list[dict[str, Any]] = []

    def read(part: bytes) -> int:
        said.append(messages_of([decoded(part)])[0])
        return len(said) - 1

    of = messages.each(read, pa.int64()).fill_null(ABSENT).to_numpy()
    found = {name: taken(pa.array([row[name] for row in said], pa.string()), of) for name in _DECODED}
    return {name: _with(columns[name], rows, values) for name, values in found.items()}


def _with(column: pa.Array, rows: Ints, values: pa.Array) -> pa.Array:
    """The column with these values in these rows."""
    if column.null_count == len(column) and values.null_count == len(values):
        return column
    if len(rows) > _MOST_SLICES:
        places = np.arange(len(column))
        places[rows] = len(column) + np.arange(len(rows))
        return taken(pa.concat_arrays([column, values]), places)
    parts, behind = [], 0  # the texts of a block are most of it: they are copied once
    for number, row in enumerate(rows.tolist()):
        parts += [column.slice(behind, row - behind), values.slice(number, 1)]
        behind = row + 1
    return pa.concat_arrays([*parts, column.slice(behind)])
