"""SSE text in, events out, in whichever spelling a server or a terminal left it.

An event may stand on several data lines, without blank lines around it, with or without a blank after
`data:`, as bare JSON, behind HTTP headers, or be broken by a hard wrap. Each data line is tried alone first: that
is how nearly all servers send, and some never send the blank line that the standard asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from chatlogs.reading.decoding import Decoded, Reject, decode_text
from chatlogs.reading.lines import DONE, FAILED
from chatlogs.reading.shapes import kind

_DONE = tuple(text.decode() for text in DONE)
_FAILED = FAILED.decode()
_LINE_END = re.compile(r"\r\n|\n|\r")
_FIELD = re.compile(r"(data|event|id|retry)?:|(data|event|id|retry)$|[A-Za-z][A-Za-z0-9-]*: |HTTP/")
_OF_BODY = re.compile(rf"(data|event|id|retry)?(:|$)|{re.escape(_FAILED)}")
_STARTS = re.compile(rf"\s*((data|event|id|retry|):|{re.escape(_FAILED)})", re.ASCII)
_EVENT = re.compile(  # perhaps behind the time at which it came
    rb"""^(?:[^\n"'{}]{0,100}[ \t])?data: ?(?:(?P<chunk>\{.*)|"?\[DONE\])""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its decoded data, or why it could not be decoded. `line` counts from 0.

    done: it is [DONE], the border of a transcript. name: what the event: line says.
    """

    text: str
    name: str | None
    line: int
    data: Decoded | Reject | None = None
    done: bool = False


def looks_like_sse(text: str) -> bool:
    """Whether the text, or what follows HTTP headers in it, is an SSE body."""
    if _STARTS.match(text):
        return True
    return text.startswith("HTTP/") and re.search(r"^data:", text, re.MULTILINE) is not None


def is_body(text: str) -> bool:
    """Whether all lines of the text are those of an SSE body."""
    return all(_OF_BODY.match(line) for line in _LINE_END.split(text))


def count_of_line_ends(text: str) -> int:
    """How many lines of the text have an end."""
    return sum(1 for _ in _LINE_END.finditer(text))


def events(text: str) -> Iterator[Event]:
    """The events of the text in order; comments, ids and headers are passed over."""
    pending: list[str] = []
    name: str | None = None
    start = 0
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff"))):
        if not line:
            if pending:
                yield _event(pending, name, start)
                pending = []
            name = None
        elif line.startswith("data:"):
            value = line[5:].removeprefix(" ")
            if pending and not _stands_alone(value):
                pending.append(value)
                continue
            if pending:
                yield _event(pending, name, start)
            pending, start = [value], number
            event = _event(pending, name, start)
            if event.done or isinstance(event.data, Decoded):
                yield event
                pending = []
        elif line.startswith(_FAILED):
            yield Event(line, "error", number, decode_text(line[_FAILED.index("{") :]))
        elif line.startswith("event:"):
            name = line[6:].strip() or None
        elif pending and not _FIELD.match(line):  # a data line that was broken in two
            pending.append(line)
        elif not pending and line.startswith("{") and isinstance((event := _event([line], name, number)).data, Decoded):
            yield event  # as servers write an error that breaks a stream off
    if pending:
        yield _event(pending, name, start)


def _stands_alone(value: str) -> bool:
    """Whether a data line is an event although the one before it is not complete."""
    if value.strip() in _DONE:
        return True
    if not value.startswith("{"):
        return False
    decoded = decode_text(value)
    return isinstance(decoded, Decoded) and kind(decoded.value) is not None


def _event(lines: list[str], name: str | None, start: int) -> Event:
    text = "\n".join(lines)
    if text.strip() in _DONE:
        return Event(text, name, start, done=True)
    return Event(text, name, start, decode_text(text))


def comes_back(ids: Iterable[str | None]) -> bool:
    """Whether one of the ids stands again behind another one; None is no id."""
    left: set[str] = set()
    last: str | None = None
    for id in ids:
        if id is None or id == last:
            continue
        if id in left:
            return True
        if last is not None:
            left.add(last)
        last = id
    return False


def holds_mixed_streams(head: bytes) -> bool:
    """Whether the log that begins like this has chunks of several answers between each other, as a busy server sends.

    Then an id that says something comes back behind another one that does, before [DONE]. Of one answer under several
    ids, none comes back to go on: a gateway that opens and ends it by an id of its own says nothing there.
    """
    body: list[bytes] = []
    for event in _EVENT.finditer(head):
        if event["chunk"] is not None:
            body.append(event["chunk"])
        elif comes_back(map(_speaker, body)):
            return True
        else:
            body = []
    return comes_back(map(_speaker, body))


def _speaker(text: bytes) -> str | None:
    """The id of the chunk, if that adds to an answer."""
    try:
        chunk: Any = msgspec.json.decode(text)
        said = [value for choice in chunk["choices"] for name, value in choice["delta"].items() if name != "role"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return chunk.get("id") or None if any(said) else None
