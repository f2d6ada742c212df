"""A text of several JSON values in, each value's own text out, however they are laid out.

For logs that are not one value a line: pretty-printed, joined without line ends, one array of all, with
commas or `....` lines between. One pass over the bytes, no recursion; nothing is dropped: what is no value
comes out as a text too, for the reader to set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatlogs.reading.decoding import SIZE_LIMIT

Document = tuple[int, int, bytes]
"""line_number (from 1), byte_offset (from 0), text."""

# A string (an unclosed one ends with its line), a bracket, a comma or what stands before each text of a JSON sequence
# (RFC 7464), a run of white space, or the rest of a line: the bracket of a terminal's colour opens nothing.
_TOKEN = re.compile(
    rb'(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?:"|\\?(?=\n)|\\?\Z))'
    rb"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>[,\x1e])|(?P<space>\s+)"
    rb"|(?P<other>(?:[^\"\[\]{},\x1b\x1e\s]++|\x1b(?:\[[\d;]{0,20}m)?)+)",
    re.DOTALL,
)


def read_documents(data: bytes) -> Iterator[Document]:
    """Each top-level value with its place; the elements of an array one by one where it is too long for one record.

    A text line between the values (`....`) comes out whole. White space and commas between values do not.
    """
    line = 1
    counted = 0
    for start, end in _spans(data, 0, len(data)):
        for first, last in _parts(data, start, end):
            line += data.count(b"\n", counted, first)
            counted = first
            yield line, first, data[first:last]


def _parts(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start <= SIZE_LIMIT or data[start : start + 1] != b"[":
        yield start, end
    else:
        yield from _spans(data, start + 1, end - 1 if data[end - 1 : end] == b"]" else end)


def _spans(data: bytes, begin: int, stop: int) -> Iterator[tuple[int, int]]:
    depth = 0
    start = -1  # of the value or the text that is open
    end = begin
    for token in _TOKEN.finditer(data, begin, stop):
        group = token.lastgroup
        if depth:
            depth += (group == "open") - (group == "close")
            if not depth:
                yield start, token.end()
                start = -1
        elif group == "open":
            if start >= 0:
                yield start, end
            start, depth = token.start(), 1
        elif group == "space":
            if start >= 0 and b"\n" in token[0]:
                yield start, end
                start = -1
        elif start < 0 and group != "comma":
            start = token.start()
        end = token.end() if group != "space" else end
    if start >= 0:
        yield start, len(data[:stop].rstrip()) if depth else end
