"""SSE text in, events out, in whichever spelling a server or a terminal left it.

An event may stand on several data lines, without blank lines around it, with or without a blank after
`data:`, behind HTTP headers, or be broken by a hard wrap. Each data line is tried alone first: that is how
nearly all servers send, and some never send the blank line that the standard asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatlogs.reading.decoding import Decoded, Reject, decode_text
from chatlogs.reading.lines import DONE
from chatlogs.reading.shapes import kind

_DONE = tuple(text.decode() for text in DONE)
_LINE_END = re.compile(r"\r\n|\n|\r")
_FIELD = re.compile(r"(data|event|id|retry)?:|(data|event|id|retry)$|[A-Za-z][A-Za-z0-9-]*: |HTTP/")
_STARTS = re.compile(r"\s*(data|event|id|retry|):", re.ASCII)


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
        elif line.startswith("event:"):
            name = line[6:].strip() or None
        elif pending and not _FIELD.match(line):  # a data line that was broken in two
            pending.append(line)
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
