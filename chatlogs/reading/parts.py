"""Lines that a container's runtime cut because they were long: which line is a part, and what it says.

Docker cuts what a program prints at 16 KiB, `{"log":"...","stream":"stdout","time":"..."}`, and its last part ends with
a line end; containerd and CRI-O mark each part, `2026-01-01T00:00:00Z stdout P ...`, and the last one with an F. Long
answers come in several parts, of which none is JSON.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass

from chatlogs.reading.decoding import Decoded, decode

PART_BYTES = 16 << 10  # of what was printed, in each of Docker's parts but the last
_CRI = re.compile(
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?P<stream>stdout|stderr)"
    rb" (?P<tag>[PF])(?::\S*)? (?P<text>[^\r\n]*)"
)
_GOES_ON = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.+-]{8,30}Z? std(?:out|err) P(?::\S{0,20})? ")
_DOCKER = b'{"log":"'
_HEAD_BYTES, _TAIL_BYTES = 80, 128  # in which what a runtime says beside the text stands, before it or behind
_WHOLE = re.compile(rb'(?<!\\)(?:\\\\)*\\n","')


@dataclass(frozen=True, slots=True)
class Part:
    """A line that a runtime wrote: what was printed in it, where, when, and whether the next line goes on with it."""

    text: str
    stream: str
    time: str
    goes_on: bool
    is_docker: bool = False


def goes_on(data: bytes | bytearray | mmap.mmap, begin: int, end: int) -> bool:
    """Whether the next line of the log goes on with the one that stands here, as far as its form tells."""
    if data[begin : begin + len(_DOCKER)] == _DOCKER:
        return end - begin > PART_BYTES and _WHOLE.search(data, end - _TAIL_BYTES, end) is None
    return _GOES_ON.match(data, begin, min(end, begin + _HEAD_BYTES)) is not None


def part_of(line: bytes) -> Part | None:
    """What a runtime says in the line, if it is one of its own."""
    if line.startswith(_DOCKER):
        return _docker_part(line)
    found = _CRI.match(line)
    if found is None:
        return None
    text = found["text"].decode("utf-8", "surrogateescape")
    return Part(text, found["stream"].decode(), found["time"].decode(), found["tag"] == b"P")


def _docker_part(line: bytes) -> Part | None:
    decoded = decode(line)
    value = decoded.value if isinstance(decoded, Decoded) else None
    if not isinstance(value, dict):
        return None
    text, stream, time = value.get("log"), value.get("stream"), value.get("time")
    if not isinstance(text, str) or not isinstance(stream, str) or not isinstance(time, str):
        return None
    return Part(text, stream, time, not text.endswith("\n") and goes_on(line, 0, len(line)), is_docker=True)
