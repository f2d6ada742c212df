"""Chunks that loggers wrote into a small object each, with the time beside them: what stands where in such a line.

`{"ts": "2026-01-01T00:00:00.25Z", "chunk": {...}}`, and what else of single values such objects say, which is nothing
of the answer.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import msgspec

from chatlogs.normalizing.unwrapping.shells import CHUNK, ERRORS, NAMING
from chatlogs.reading.containers import unwrap
from chatlogs.reading.exported import TYPED
from chatlogs.reading.hosted import may_be_hosted
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, LISTS, WRAPPERS
from chatlogs.values import as_json, is_duration

_WORD = rb'[^"\\\x00-\x1f]{1,60}'
_NAME = rb'[ \t]*"%b"[ \t]*:[ \t]*'
_TEXT, _NUMBER = rb'"[^"\\\x00-\x1f\x80-\xff]%b"', rb"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,9})?"
_SCALAR = _TEXT % b"*" + b"|" + _NUMBER + b"|true|false|null"
_FLAT = rb"\{(?:" + _NAME % _WORD + b"(?:" + _SCALAR + rb")[ \t]*(?:,|(?=\})))*\}"
_NESTED = rb"\{(?:" + _NAME % _WORD + b"(?:" + _SCALAR + b"|" + _FLAT + rb")[ \t]*(?:,|(?=\})))*\}"
_VALUE = b"(?:" + _SCALAR + b"|" + _NESTED + b")"
_ANY = _NAME % _WORD + _VALUE + rb"[ \t]*"
_NAMED = _NAME % (b"(" + _WORD + b")")
_HEAD = re.compile(rb"\{((?:" + _ANY + rb",){0,8})" + _NAMED + rb"(?=\{)")
_TAIL = re.compile(rb"(?<=\})[ \t]*((?:," + _ANY + rb"){0,8})\}[ \t\r]*$")
_MEMBER = re.compile(_NAMED + b"(" + _VALUE + b")[ \\t]*,?")
NESTED = re.compile(_NESTED)
_SAYS = re.compile(_TEXT % b"+" + b"|" + _NUMBER)
_HEAD_OF_TEXT = re.compile(rb"\{((?:" + _ANY + rb",){0,8})" + _NAMED + rb'"(?=[^"\\\x00-\x1f\x80-\xff]{0,60}\\)')
_TAIL_OF_TEXT = re.compile(rb'(?<!\\)(?:\\\\)*"[ \t]*((?:,' + _ANY + rb"){0,8})\}[ \t\r]*$")
_LONGEST_TAIL = 1 << 10
_TIME = "2026-01-01T00:00:00Z"
_OUTPUT = b"stdout or stderr"


class _Delta(msgspec.Struct, gc=False):
    pass


class _Entry(msgspec.Struct, gc=False):
    delta: _Delta


class Chunk(msgspec.Struct, gc=False):
    """What tells a chunk."""

    choices: list[_Entry]
    object: str | None = None


_TELLING = NAMING.union(  # fields of which it matters what they say
    ERRORS, *({path.partition(".")[0] for path in (*row.when, *row.response, *row.request)} for row in WRAPPERS)
)
_OF_LISTS = frozenset(path.partition(".")[0] for path in LISTS if "." in path)
_READ = frozenset(name.encode() for name in (*ARRIVALS, *CHUNK_KEYS))  # fields beside a chunk that may say something
_chunk = msgspec.json.Decoder(Chunk).decode


class Captured(NamedTuple):
    """Where a chunk begins and ends in its line, and when it arrived, as that is written."""

    begin: int
    end: int
    time: str | None


class Frame(NamedTuple):
    """What stands around a chunk; places are counted from the line's first byte, or, below 0, from behind its last.

    begin, end: where the chunk does. holder: its name. names: where each name stands. values: where each value does,
    quotes included. beside: their names. time: which of the values is the time of its arrival, or None.
    """

    begin: int
    end: int
    holder: bytes
    names: list[tuple[int, int]]
    values: list[tuple[int, int]]
    beside: list[bytes]
    time: int | None

    @property
    def may_be_typed(self) -> bool:
        """Whether the line may be a document of a database that writes numbers as objects."""
        return b"_id" in self.beside

    def written(self, text: bytes) -> str | None:
        """The time of the arrival as it is written in the line."""
        if self.time is None:
            return None
        begin, end = self.values[self.time]
        return text[len(text) + begin if begin < 0 else begin :][: end - begin].strip(b' \t"').decode()


def inside(text: bytes) -> Captured | None:
    """What stands in the line; None when it is not surely such an object."""
    frame = frame_of(text)
    if frame is None or (frame.may_be_typed and TYPED in text):
        return None
    end, time = len(text) + frame.end, frame.written(text)
    if is_duration(time) or not holds_chunk(memoryview(text)[frame.begin : end]):
        return None
    return Captured(frame.begin, end, time)


def frame_of(text: bytes) -> Frame | None:
    """What stands around the chunk that the line seems to hold."""
    head = _HEAD.match(text)
    if head is None:
        return None
    tail = _TAIL.search(text, max(head.end(), len(text) - _LONGEST_TAIL))
    return None if tail is None else _frame(text, head, tail.start() - len(text), _behind(text, tail))


def frame_of_text(text: bytes) -> Frame | None:
    """What stands around the text that the line seems to hold, which has an escape near its begin; its end: the quote.

    It may be the JSON text of a chunk, as Docker and many loggers write it: `{"log":"{\\"id\\":...}\\n","time":"..."}`.
    """
    head = _HEAD_OF_TEXT.match(text)
    if head is None:
        return None
    tail = _TAIL_OF_TEXT.search(text, max(head.end(), len(text) - _LONGEST_TAIL))
    if tail is None:
        return None
    quote = text.index(b'"', tail.start())
    return _frame(text, head, quote - len(text), _behind(text, tail), is_text=True)


def _behind(text: bytes, tail: re.Match[bytes]) -> list[re.Match[bytes]]:
    return list(_MEMBER.finditer(text, tail.start(1), tail.end(1)))


def _frame(
    text: bytes, head: re.Match[bytes], end: int, behind: list[re.Match[bytes]], *, is_text: bool = False
) -> Frame | None:
    before, size = list(_MEMBER.finditer(text, head.start(1), head.end(1))), len(text)
    others = [*before, *behind]
    if not all(_SAYS.fullmatch(found[2]) for found in others if found[1] in _READ):
        return None
    names_before, names_behind = (tuple(_name(found) for found in some) for some in (before, behind))
    told = _told(names_before, head[2], names_behind, is_text, any(found[2][:1] == b"{" for found in others))
    if told is None:
        return None
    names, values = ([found.span(of) for found in before] for of in (1, 2))
    names.append(head.span(2))
    for found in behind:
        (one, two), (three, four) = found.span(1), found.span(2)
        names.append((one - size, two - size))
        values.append((three - size, four - size))
    beside = [found[1] for found in others]
    return Frame(head.end(), end, head[2], names, values, beside, None if told < 0 else told)


def is_chunk(chunk: Chunk) -> bool:
    """Whether what is decoded so is one; usage comes without choices."""
    return bool(chunk.choices) or chunk.object == CHUNK["object"]


def holds_chunk(text: bytes | memoryview) -> bool:
    """Whether the text is JSON of a chunk."""
    try:
        return is_chunk(_chunk(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _name(member: re.Match[bytes]) -> bytes:
    """The name of a member; of an output a name that tells nothing, where it may be that of an answer."""
    return _OUTPUT if member[1] == b"stream" and member[2] in (b'"stdout"', b'"stderr"') else member[1]


@functools.lru_cache(maxsize=1 << 10)
def _told(
    before: tuple[bytes, ...], holder: bytes, behind: tuple[bytes, ...], is_text: bool, has_objects: bool
) -> int | None:
    """Which of the values beside a chunk is the time of its arrival, -1 for none; None where more is read of them.

    has_objects: some of the values are objects, so that under a name which nobody knows more may be looked for.
    """
    names = [name.decode("utf-8", "replace") for name in (*before, *behind)]
    name = holder.decode("utf-8", "replace")
    is_known = name in CHUNK_KEYS or not (is_text or has_objects)
    if not is_known or (name in _OF_LISTS and not is_text):
        return None
    if len({*names, name}) <= len(names) or not _TELLING.isdisjoint(names):
        return None
    values = {other: f"{_TIME}{place}" for place, other in enumerate(names)}
    ahead = {other: values[other] for other in names[: len(before)]}
    wrapper = {**ahead, name: as_json(CHUNK) if is_text else CHUNK, **values}
    envelopes = unwrap(wrapper) if not may_be_hosted(wrapper) else []
    if len(envelopes) != 1 or len(envelopes[0].parts) != 1:
        return None
    envelope, part = envelopes[0], envelopes[0].parts[0]
    says_more = envelope.facts or envelope.request or envelope.flags or envelope.error or envelope.transcript
    if part.value != CHUNK or says_more or part.flags:
        return None
    if part.arrived_at is None:
        return -1
    times = list(values.values())
    return times.index(part.arrived_at) if part.arrived_at in times else None  # None: the holder has a time's name
