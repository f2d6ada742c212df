"""Envelope: what a wrapper says around its records; plain values, nothing interpreted yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Part:
    """One record of an envelope. `ends`: no record, but [DONE]. `unread`: the text of an event that is no record."""

    value: dict[str, Any]
    arrived_at: object = None
    flags: set[str] = field(default_factory=set)
    ends: bool = False
    unread: str | None = None
    line: int = 0


@dataclass(slots=True)
class Envelope:
    """Records that belong together, and what their wrapper says of them.

    transcript: the records are one response, whatever their ids say. facts: columns by name, as sent.
    error: an error body, where the wrapper says that the request failed.
    """

    parts: list[Part]
    transcript: bool
    request: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    flags: set[str] = field(default_factory=set)


def at(value: object, path: str) -> object:
    """What stands at a dotted path; a key that holds the dots itself goes first. None when nothing does."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    while dot:
        if head in value:
            return at(value[head], rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def first_of(value: object, paths: Iterable[str]) -> Any:
    """The first value at any of the paths that says something."""
    for path in paths:
        found = at(value, path)
        if found is not None and found != "" and found != {}:
            return found
    return None


def fill(
    envelope: Envelope,
    value: Mapping[str, Any],
    facts: Mapping[str, tuple[str, ...]],
    merged_request: Mapping[str, tuple[str, ...]],
) -> None:
    """Take the facts, and the parts of a request that the wrapper keeps apart ("" spreads an object)."""
    for name, paths in facts.items():
        found = first_of(value, paths)
        if found is not None:
            envelope.facts[name] = found
    for name, paths in merged_request.items():
        found = first_of(value, paths)
        if found is None:
            continue
        request = dict(envelope.request or {})
        if name:
            request.setdefault(name, found)
        elif isinstance(found, dict):
            request = {**found, **request}
        envelope.request = request
