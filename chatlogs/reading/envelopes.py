"""Envelope: what a wrapper says around its records; plain values, nothing interpreted yet."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatlogs.reading.decoding import Repaired
from chatlogs.values import is_duration

TIMES = ("started_at", "noted_at", "ended_at", "first_chunk_at", "completion_start_at")
"""Facts that are moments: a duration under the same name is none."""


@dataclass(slots=True)
class Part:
    """One record of an envelope. `ends`: no record, but [DONE]. `unread`: the text of an event that is no record.

    `item`: what stands in a list of records and is none.
    """

    value: dict[str, Any]
    arrived_at: object = None
    flags: set[str] = field(default_factory=set)
    ends: bool = False
    unread: str | None = None
    line: int = 0
    item: Unread | None = None

    def __post_init__(self) -> None:
        if isinstance(self.value, Repaired):
            self.flags.add("repaired")


@dataclass(slots=True)
class Envelope:
    """Records that belong together, and what their wrapper says of them.

    transcript: the records are one response, whatever their ids say. facts: columns by name, as sent.
    error: an error body, where the wrapper says that the request failed. unread: what stands among the records and is
    none. place: the field of the wrapper that they are in.
    """

    parts: list[Part]
    transcript: bool
    request: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    flags: set[str] = field(default_factory=set)
    unread: list[Unread] = field(default_factory=list)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """An item of a list that holds no record, beside others that do, and where in the value it stands.

    passed: nobody misses it; it is the capture of a call to something else than chat completions.
    """

    value: object
    place: str
    passed: bool = False


Reader = Callable[[dict[str, Any]], "Sequence[Envelope | Unread] | None"]
"""A row in, its envelopes out: none for a row of the tool that holds no answer, None for what is no row of it."""


def at(value: object, path: str) -> object:
    """What stands at a dotted path; a key that holds the dots itself goes first. None when nothing does."""
    if not isinstance(value, dict):
        return None
    if path in value or "." not in path:
        return value.get(path)
    head, dot, rest = path.partition(".")
    while dot:
        if head in value:
            return at(value[head], rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def first_time(value: object, paths: tuple[str, ...]) -> Any:
    """The first value at any of the paths that says something and is no duration."""
    return _first(value, reachable(paths, tuple(value)), is_time=True) if isinstance(value, dict) else None


def first_of(value: object, paths: tuple[str, ...]) -> Any:
    """The first value at any of the paths that says something."""
    return _first(value, reachable(paths, tuple(value))) if isinstance(value, dict) else None


def _first(value: Mapping[str, Any], paths: tuple[str, ...], *, is_time: bool = False) -> Any:
    for path in paths:
        found = value.get(path)
        if found is None and "." in path:
            head, _, rest = path.partition(".")
            inner = value.get(head)  # two plain steps, as nearly all paths have, without a call
            found = inner.get(rest) if isinstance(inner, dict) and "." not in rest else at(value, path)
        if found is not None and found != "" and found != {} and not (is_time and is_duration(found)):
            return found
    return None


@functools.lru_cache(maxsize=1 << 14)
def reachable(paths: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    """The paths whose first step is among the keys; logs have few sets of keys, and ask the same of each line."""
    return tuple(path for path in paths if any(path == key or path.startswith(f"{key}.") for key in keys))


Paths = tuple[tuple[str, tuple[str, ...]], ...]
"""Names, and the paths at which to look for each."""


@functools.lru_cache(maxsize=1 << 12)
def _reachable_facts(facts: Paths, keys: tuple[str, ...]) -> Paths:
    found = ((name, reachable(paths, keys)) for name, paths in facts)
    return tuple((name, paths) for name, paths in found if paths)


def of_rows(rows: object, place: str, read: Reader) -> list[Envelope | Unread] | None:
    """What the reader finds in the rows of a list, and the rows that it does not know; None where it knows none."""
    items = rows if isinstance(rows, list) else []
    found = [read(row) if isinstance(row, dict) else None for row in items]
    if all(one is None for one in found):
        return None
    told: list[Envelope | Unread] = []
    for number, one in enumerate(found):
        told += [Unread(items[number], f"{place}[{number}]")] if one is None else one
    return told


def fill(envelope: Envelope, value: Mapping[str, Any], facts: Paths, merged_request: Paths) -> None:
    """Take the facts, and the parts of a request that the wrapper keeps apart ("" spreads an object)."""
    keys = tuple(value)
    for name, paths in _reachable_facts(facts, keys):
        found = _first(value, paths, is_time=name in TIMES)
        if found is not None and not (name == "noted_at" and "started_at" in envelope.facts):
            envelope.facts[name] = found
    for name, paths in _reachable_facts(merged_request, keys) if merged_request else ():
        found = _first(value, paths)
        if found is None:
            continue
        request = dict(envelope.request or {})
        if name:
            request.setdefault(name, found)
        elif isinstance(found, dict):
            request = {**found, **request}
        envelope.request = request
