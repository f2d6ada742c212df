"""How the heads of HTTP messages look in a log, as `curl -i`, `curl -v` and HTTPie print them before a body."""

from __future__ import annotations

import mmap
import re

_MARK, _NAME = rb"(?:[<>] )?", rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_STARTS = rb"HTTP/\d(?:\.\d)? (?P<status>\d{3})(?: [^\r\n]*)?|[A-Z]{3,7} \S+ HTTP/\d(?:\.\d)?"
START = re.compile(_MARK + rb"(?:" + _STARTS + rb")\r?")
"""The first line of a head; of a response with its status."""
HEADER = re.compile(_MARK + _NAME + rb":[^\r\n]*\r?")
END = re.compile(rb"(?:[<>] ?)?\r?")
NOISE = re.compile(rb"(?:\* |[{}] \[\d+ bytes data\])[^\r\n]*\r?")
"""What curl tells of its connection."""
FAREWELL = re.compile(rb"\* (?:Connection #\d+ to host .* left intact|Closing connection.*)\r?")
"""What it tells of that behind the body."""
_OPEN = re.compile(START.pattern + rb"\n(?:" + HEADER.pattern + rb"\n)*(?:" + END.pattern + rb"\n)*")
_NEARBY = 1 << 14


def before_open_head(data: bytes | mmap.mmap, end: int) -> int:
    """Where a head begins behind which nothing stands before this end of a line; else the end."""
    near = bytes(data[max(0, end - _NEARBY) : end])
    at = near.rfind(b"HTTP/")
    begin = near.rfind(b"\n", 0, max(at, 0)) + 1
    return end - len(near) + begin if at >= 0 and begin and _OPEN.fullmatch(near, begin) else end
