"""Lines of pairs in, as Go's loggers write them: `time=... level=info msg="..." body="{\\"id\\": ...}"`; an object out.

Only where one of the pairs may hold an answer as a text; the words that stand before the pairs say nothing of it.
"""

from __future__ import annotations

import re

from chatlogs.reading.decoding import Decoded, decode

_MAY_HOLD = re.compile(rb'="(?:\{|data:)(?s:.)*\\"choices\\"')
_VALUE = rb'"(?:[^"\\]++|\\.)*+"|\{(?:[^{}"]++|"[^"]*+")*+\}|[^\s"{}]*+'
_PAIR = re.compile(rb"([\w.@-]++)=(" + _VALUE + rb")(?:\s+|\Z)")
_LINE = re.compile(rb"(?:[^\s\"'`{}=]{1,200}+\s+){0,16}+((?:[\w.@-]++=(?:" + _VALUE + rb")(?:\s+|\Z))++)\Z")


def read_logfmt(line: bytes) -> Decoded | None:
    """The pairs of the line, the first of each name; None where it is none of these, or holds no answer."""
    pairs = _LINE.fullmatch(line) if _MAY_HOLD.search(line) else None
    if pairs is None:
        return None
    found: dict[str, object] = {}
    flags: frozenset[str] = frozenset()
    for name, value in _PAIR.findall(pairs[1]):
        text = decode(value) if value[:1] == b'"' else None
        if isinstance(text, Decoded):
            flags |= text.flags
        found.setdefault(name.decode(), text.value if isinstance(text, Decoded) else value.decode("utf-8", "replace"))
    return Decoded(found, flags=flags)
