"""What many wrappers say of their requests, messages and times, in columns: the same as `requests` says one by one.

Parameters that were seen before are looked up by their bytes. ValueError for what should be read one by one.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.choices import part_texts
from chatlogs.normalizing.partials import PIECES
from chatlogs.normalizing.piece import Piece
from chatlogs.normalizing.requests import apply_facts, apply_request, without_secrets
from chatlogs.reading.lines import Ints
from chatlogs.values import as_json, fits

UNSET = msgspec.UNSET
Fields = Mapping[str, msgspec.Raw]
Said = tuple[tuple[Any, ...], frozenset[str], int]
OF_REQUEST = (
    "request_model", "requested_service_tier", "stream", "temperature", "top_p", "seed", "n", "max_tokens", "metadata",
    "request",
)  # fmt: skip
OF_FACTS = ("request_id", "custom_id", "provider", "metadata", "started_at", "first_chunk_at", "ended_at",
            "status_code")  # fmt: skip
_SCHEMA = PIECES["messages"].arrow()
_MOST = 1 << 11
_LONGEST = 1 << 12  # parameters of more bytes are not remembered


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message that many send; any other is read alone."""

    role: str | msgspec.UnsetType | None = UNSET
    content: str | list[Any] | msgspec.UnsetType | None = UNSET
    name: str | msgspec.UnsetType | None = UNSET
    tool_call_id: str | msgspec.UnsetType | None = UNSET
    tool_calls: list[Any] | msgspec.UnsetType | None = UNSET
    refusal: str | msgspec.UnsetType | None = UNSET


messages_of = msgspec.json.Decoder(list[_Message]).decode


def keys_in(value: object) -> int:
    """How many keys the objects in a value have, all together."""
    if isinstance(value, dict):
        return len(value) + sum(keys_in(item) for item in value.values() if isinstance(item, (dict, list)))
    return sum(keys_in(item) for item in value if isinstance(item, (dict, list))) if isinstance(value, list) else 0


@dataclass
class Parameters:
    """What requests say but for their messages: the values of OF_REQUEST, flags, and how many keys there are."""

    known: dict[tuple[tuple[str, ...], bytes], Said] = field(default_factory=dict)
    containers: dict[tuple[str, bytes], tuple[Any, int]] = field(default_factory=dict)

    def read(self, fields: Fields) -> Said:
        """What fields without messages say."""
        key = tuple(fields), b",".join(fields.values())
        found = self.known.get(key)
        if found is None:
            found = self._read(fields)
            if len(self.known) >= _MOST:
                self.known.clear()
            if len(key[1]) < _LONGEST:
                self.known[key] = found
        return found

    def _read(self, fields: Fields) -> Said:
        values, keys = {}, len(fields)
        for name, raw in fields.items():
            part = bytes(raw)
            if part[:1] in (b"{", b"["):
                values[name], more = self._container(name, part)
                keys += more
            else:
                values[name] = value = msgspec.json.decode(part)
                if isinstance(value, int) and not fits(value):
                    raise ValueError("a number that no column holds")
        piece = Piece()
        apply_request(piece, values)
        said = tuple([getattr(piece, name) for name in OF_REQUEST])
        return said, frozenset(piece.flags), keys

    def _container(self, name: str, part: bytes) -> tuple[Any, int]:
        """A list or an object as the text in which it is kept: tools are the same in many requests."""
        found = self.containers.get((name, part))
        if found is None:
            value = msgspec.json.decode(part)
            keys = keys_in(value)
            if name != "metadata":
                value = msgspec.Raw(msgspec.json.encode(without_secrets({name: value}).get(name)))
            found = value, keys
            if len(self.containers) >= _MOST:
                self.containers.clear()
            if len(part) < _LONGEST:
                self.containers[name, part] = found
        return found


@dataclass
class Messages:
    """Rows of messages, some lines at a time as columns; `piece` is the line."""

    tables: list[pa.Table] = field(default_factory=list)

    def add_rows(self, rows: Sequence[Mapping[str, Any]], line: int) -> None:
        """Add the messages of one line, read alone."""
        if rows:
            self.tables.append(pa.Table.from_pylist([{**row, "piece": line} for row in rows], schema=_SCHEMA))

    def add(self, lines: Sequence[int], found: Sequence[Sequence[_Message]]) -> int:
        """Add the messages of these lines; how many keys they have comes back."""
        every = list(chain.from_iterable(found))
        if not every:
            return 0
        counts = [len(messages) for messages in found]
        given: dict[str, Any] = {
            "piece": np.repeat(lines, counts),
            "message_index": list(chain.from_iterable(map(range, counts))),
        }
        said = list(zip(*map(msgspec.structs.astuple, every), strict=True))
        keys = sum(len(column) - column.count(UNSET) for column in said)
        role, content, name, call_id, calls, _ = said
        parts: list[str | None] = [None] * len(every)
        contents: list[Any] = list(content)
        if not {*map(type, content)} <= {str, type(None)}:
            for place, value in enumerate(content):
                if isinstance(value, list):
                    keys += keys_in(value)
                    parts[place], texts = as_json(value), part_texts(value)
                    contents[place] = "".join(texts) if texts else None
                elif value is UNSET:
                    contents[place] = None
        keys += sum(keys_in(value) for value in calls if value)
        called = [as_json(value) if value else None for value in calls]
        given |= {"role": _texts(role), "content": contents, "content_parts": parts, "name": _texts(name)}
        given |= {"tool_call_id": _texts(call_id), "tool_calls": called}
        self.tables.append(pa.table([pa.array(given[f.name], f.type) for f in _SCHEMA], schema=_SCHEMA))
        return keys

    def of(self, lines: Ints) -> pa.Table:
        """The messages of these lines."""
        table = pa.concat_tables([_SCHEMA.empty_table(), *self.tables])
        kept = np.isin(np.asarray(table["piece"]), lines)
        return table if kept.all() else table.filter(pa.array(kept))


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [value or None for value in values]


class _Facts:
    """As much of a piece as facts are put into."""

    request_id = custom_id = provider = metadata = status_code = None
    started_at = first_chunk_at = last_chunk_at = ended_at = None

    def __init__(self) -> None:
        self.flags: set[str] = set()


def facts_of(facts: Sequence[tuple[str, Any]]) -> tuple[tuple[Any, ...], frozenset[str]]:
    """The values of OF_FACTS, and flags."""
    piece: Any = _Facts()
    apply_facts(piece, dict(facts))
    return _values_of_facts(piece), frozenset(piece.flags)


_values_of_facts = operator.attrgetter(*OF_FACTS)
