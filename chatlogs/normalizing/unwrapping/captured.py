"""Chunks that loggers wrote into a small object each, with the time beside them: shown as the lines they hold.

`{"ts": "2026-01-01T00:00:00.25Z", "chunk": {...}}`, and what else of single values such objects say, which is nothing
of the answer. Where a line is not surely such an object it stays as it is, to be read with care.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import msgspec
import numpy as np

from chatlogs.normalizing.unwrapping.shells import CHUNK, ERRORS, NAMING
from chatlogs.reading.containers import unwrap
from chatlogs.reading.hosted import may_be_hosted
from chatlogs.reading.lines import NO_TRANSCRIPT, OBJECT, Lines
from chatlogs.reading.wrappers import CHUNK_KEYS, LISTS, WRAPPERS
from chatlogs.values import is_duration

_WORD = rb'[^"\\\x00-\x1f]{1,60}'
_NAME = rb'[ \t]*"%b"[ \t]*:[ \t]*'
_VALUE = rb'(?:"[^"\\\x00-\x1f\x80-\xff]+"|[1-9]\d{0,17}(?:\.\d{1,9})?)[ \t]*'
_ANY = _NAME % _WORD + _VALUE
_NAMED = _NAME % (b"(" + _WORD + b")")
_HEAD = re.compile(rb"\{((?:" + _ANY + rb",){0,8})" + _NAMED + rb"(?=\{)")
_TAIL = re.compile(rb"(?<=\})[ \t]*((?:," + _ANY + rb"){0,8})\}[ \t\r]*$")
_MEMBER = re.compile(_NAMED + b"(" + _VALUE + b")")
_LONGEST_TAIL = 1 << 10
_SAMPLE = 8
_TIME = "2026-01-01T00:00:00Z"


class _Entry(msgspec.Struct):
    delta: dict[str, msgspec.Raw]


class _Chunk(msgspec.Struct):
    choices: list[_Entry]
    object: str | None = None


_TELLING = NAMING.union(  # fields of which it matters what they say
    ERRORS, *({path.partition(".")[0] for path in (*row.when, *row.response, *row.request)} for row in WRAPPERS)
)
_HOLDERS = frozenset(CHUNK_KEYS).difference(path.partition(".")[0] for path in LISTS if "." in path)
_chunk = msgspec.json.Decoder(_Chunk).decode


class Captured(NamedTuple):
    """Where a chunk begins and ends in its line, and when it arrived, as that is written."""

    begin: int
    end: int
    time: str | None


def show(lines: Lines, arrivals: dict[int, str]) -> None:
    """Let each line that holds such an object begin and end where its chunk does, and note the times."""
    chosen = np.flatnonzero((lines.kind == OBJECT) & (lines.transcript == NO_TRANSCRIPT))
    sample = chosen[:: max(1, len(chosen) // _SAMPLE)].tolist()
    if all(inside(lines.text(line)) is None for line in sample):
        return
    for line in chosen.tolist():
        found = inside(lines.text(line))
        if found is not None:
            lines.start[line], lines.end[line] = lines.start[line] + found.begin, lines.start[line] + found.end
            if found.time is not None:
                arrivals[line] = found.time


def inside(text: bytes) -> Captured | None:
    """What stands in the line; None when it is not surely such an object."""
    head = _HEAD.match(text)
    if head is None:
        return None
    begin, end, behind = head.end(), len(text) - 1, []
    if not text.endswith(b"}}"):
        tail = _TAIL.search(text, max(begin, len(text) - _LONGEST_TAIL))
        if tail is None:
            return None
        end, behind = tail.start(), _MEMBER.findall(tail[1])
    before = _MEMBER.findall(head[1])
    told = _told(tuple(name for name, _ in before), head[2], tuple(name for name, _ in behind))
    if told is None:
        return None
    try:
        chunk = _chunk(memoryview(text)[begin:end])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not chunk.choices and chunk.object != CHUNK["object"]:
        return None
    values = [*before, *behind]
    time = None if told < 0 else values[told][1].strip(b' \t"').decode()
    return None if is_duration(time) else Captured(begin, end, time)


@functools.lru_cache(maxsize=1 << 10)
def _told(before: tuple[bytes, ...], holder: bytes, behind: tuple[bytes, ...]) -> int | None:
    """Which of the values beside a chunk is the time of its arrival, -1 for none; None where more is read of them."""
    names = [name.decode("utf-8", "replace") for name in (*before, *behind)]
    name = holder.decode("utf-8", "replace")
    if name not in _HOLDERS or len({*names, name}) <= len(names) or not _TELLING.isdisjoint(names):
        return None
    values = {other: f"{_TIME}{place}" for place, other in enumerate(names)}
    ahead = {other: values[other] for other in names[: len(before)]}
    wrapper = {**ahead, name: CHUNK, **values}
    envelopes = unwrap(wrapper) if not may_be_hosted(wrapper) else []
    if len(envelopes) != 1 or len(envelopes[0].parts) != 1:
        return None
    envelope, part = envelopes[0], envelopes[0].parts[0]
    says_more = envelope.facts or envelope.request or envelope.flags or envelope.error or envelope.transcript
    if part.value is not CHUNK or says_more or part.flags:
        return None
    return -1 if part.arrived_at is None else list(values.values()).index(str(part.arrived_at))
