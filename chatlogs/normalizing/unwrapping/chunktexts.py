r"""Lines that hold the JSON text of a chunk, or a line of an SSE body: the chunks in a block of their own.

`{"log":"{\"id\":...}\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}`, as Docker writes what is printed, and many
loggers their messages. What is not surely so stays as it is, to be read with care.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from chatlogs.normalizing.records.oddlines import is_ignorable
from chatlogs.normalizing.scanning.words import Offsets, Words, counts, places
from chatlogs.normalizing.unwrapping.captured import Frame, frame_of_text, holds_chunk
from chatlogs.normalizing.unwrapping.capturedlines import decoded
from chatlogs.normalizing.unwrapping.framed import Framed
from chatlogs.normalizing.unwrapping.texts import text_of
from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, PADDING, WINDOW, Block, Ints, Lines
from chatlogs.reading.wrappers import CHUNK_KEYS
from chatlogs.values import is_sound

_SAMPLE = 8
_SHORT = 64  # bytes of what may say nothing: a comment, the name of an event
_DATA = b"data:"
_CONTROL = re.compile(rb"[\x00-\x1f]")
_SPACE, _QUOTE, _BACKSLASH, _OPEN, _CLOSE = b' "\\{}'
_N = ord("n")


class _Anything(msgspec.Struct, gc=False):
    pass


_objects = msgspec.json.Decoder(_Anything).decode_lines


def _none() -> Ints:
    return np.empty(0, np.int64)


@dataclass
class ChunkTexts:
    """Lines that hold a text which is an object, perhaps a chunk; times: of their arrival.

    lines, in order, with where the text begins and ends. In these no escape is but that of a quote; others: the texts
    of lines with other escapes. nothing: lines whose text is no record, such as [DONE]. escapes: where in the block
    backslashes are.
    """

    lines: Ints = field(default_factory=_none)
    start: Ints = field(default_factory=_none)
    end: Ints = field(default_factory=_none)
    others: dict[int, bytes] = field(default_factory=dict)
    nothing: list[int] = field(default_factory=list)
    times: dict[int, str] = field(default_factory=dict)
    escapes: Offsets = field(default_factory=lambda: np.empty(0, np.int32))

    @property
    def held(self) -> list[int]:
        """All lines but those that say nothing."""
        return [*self.lines.tolist(), *self.others]

    def shown(self, lines: Lines) -> Lines:
        """The lines in a block of their own, in which those that hold a text begin and end with it."""
        if not (len(self.lines) or self.others or self.nothing):
            return lines
        block = lines.block
        start, end, kind, clean = lines.start.copy(), lines.end.copy(), lines.kind.copy(), lines.clean.copy()
        start[self.lines], end[self.lines] = self.start, self.end
        kind[self.nothing] = IGNORABLE
        dropped = self._escapes()
        copy = _without(block, dropped)
        first, count = counts(dropped, start, end)
        start, end = start - first, end - first - count
        for line, text in self.others.items():  # none is longer than with its escapes
            copy[start[line] : start[line] + len(text)] = text
            end[line] = start[line] + len(text)
            clean[line] = _CONTROL.search(text) is None
        own = Block(block.source, copy, len(copy) - PADDING, block.offset, block.last)
        return dataclasses.replace(
            lines, block=own, begin=start, start=start, end=end, kind=kind, clean=clean, quotes=None
        )

    def _escapes(self) -> Offsets:
        """Where the backslashes of the texts are."""
        first, count = counts(self.escapes, self.start, self.end)
        inside = np.zeros(len(self.escapes) + 1, np.int8)
        np.add.at(inside, first, 1)
        np.subtract.at(inside, first + count, 1)
        return self.escapes[np.cumsum(inside[:-1], dtype=np.int8) > 0]


def read(lines: Lines) -> ChunkTexts:
    """What the lines hold, as far as many hold it alike."""
    found = ChunkTexts()
    chosen = np.flatnonzero((lines.kind == OBJECT) & (lines.transcript == NO_TRANSCRIPT) & lines.clean)
    sample = chosen[:: max(1, len(chosen) // _SAMPLE)].tolist()
    if not any(_may_hold_chunk(lines.text(line)) for line in sample):
        return found
    is_json = np.array([line is not None for line in decoded(lines, chosen, _objects)], bool)
    framed = Framed(lines)
    reader = _Reader(lines)
    for frame, numbers in framed.frames(chosen[is_json], _BACKSLASH, frame_of_text):
        if frame is not None:
            good, times = framed.arrived(numbers, frame)
            numbers = numbers[good]
            reader.take(numbers, frame, dict(zip(numbers.tolist(), times, strict=bool(times))), found)
    order = np.argsort(found.lines)
    found.lines, found.start, found.end = found.lines[order], found.start[order], found.end[order]
    found.escapes = reader.escapes
    return found


def _without(block: Block, dropped: Offsets) -> bytearray:
    """A copy of the block without these bytes, and with room behind it."""
    data = np.frombuffer(block.data, np.uint8)
    copy = bytearray(block.size - len(dropped) + PADDING)
    kept, at = np.frombuffer(copy, np.uint8), 0
    for offset in range(0, block.size, WINDOW):
        window = data[offset : min(offset + WINDOW, block.size)]
        first, last = np.searchsorted(dropped, np.array([offset, offset + len(window)], np.int32))
        keep = np.ones(len(window), bool)
        keep[dropped[first:last] - offset] = False
        size = len(window) - int(last - first)
        kept[at : at + size] = window[keep]
        at += size
    return copy


class _Reader:
    """Tells what the texts are that lines hold."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._words = lines, Words(lines.block)
        self._data = np.frombuffer(lines.block.data, np.uint8)
        self.escapes, self._quotes = (places(self._data, lines.block.size, byte) for byte in (_BACKSLASH, _QUOTE))
        self._odd = self.escapes[self._data[self.escapes + 1] != _QUOTE]

    def take(self, numbers: Ints, frame: Frame, arrived: Mapping[int, str], found: ChunkTexts) -> None:
        """Take the lines, in this frame, whose texts are objects or say nothing."""
        if not self._are_chunks(numbers, frame):
            return  # completions are for those who read what is said beside them
        data, begin, until = self._data, self._lines.start[numbers] + frame.begin, self._lines.end[numbers] + frame.end
        start = begin + len(_DATA) * self._words.equal(begin, _DATA)
        start += (start > begin) & (data[start] == _SPACE)
        end = until - 2 * ((data[until - 2] == _BACKSLASH) & (data[until - 1] == _N))
        is_plain = (end - start > 1) & (data[start] == _OPEN) & (data[end - 1] == _CLOSE)
        # No escape but those of quotes, and no quote that is not escaped.
        odd, escapes, quotes = (counts(of, start, end)[1] for of in (self._odd, self.escapes, self._quotes))
        is_plain &= (odd == 0) & (escapes == quotes)
        found.lines = np.concatenate([found.lines, numbers[is_plain]])
        found.start = np.concatenate([found.start, start[is_plain]])
        found.end = np.concatenate([found.end, end[is_plain]])
        rest = np.flatnonzero(~is_plain)
        may_say_nothing = bool(arrived) and not any(_tells(name) for name in frame.beside)
        others: dict[int, bytes] = {}
        view = memoryview(self._lines.block.data)
        for row, one, other in zip(rest.tolist(), begin[rest].tolist(), until[rest].tolist(), strict=True):
            quoted, line = view[one - 1 : other + 1], int(numbers[row])
            if may_say_nothing and len(quoted) < _SHORT and _says_nothing(bytes(quoted), frame.holder == b"log"):
                found.nothing.append(line)
            elif (text := _object_in(quoted)) is not None:
                others[line] = text
        found.others |= others
        if arrived:
            found.times |= {line: arrived[line] for line in (*numbers[is_plain].tolist(), *others)}

    def _are_chunks(self, numbers: Ints, frame: Frame) -> bool:
        """Whether most of the objects in these texts are chunks, as far as some of them tell."""
        texts = map(self._lines.text, numbers[:: max(1, len(numbers) // _SAMPLE)].tolist())
        there = [found for text in texts if (found := _framed_object(text, frame)) is not None]
        return not there or 2 * sum(map(holds_chunk, there)) >= len(there)


def _may_hold_chunk(line: bytes) -> bool:
    """Whether the line holds a text that is a chunk, or no object: such stand between chunks."""
    frame = frame_of_text(line)
    found = None if frame is None else _framed_object(line, frame)
    return frame is not None and (found is None or holds_chunk(found))


def _framed_object(line: bytes, frame: Frame) -> bytes | None:
    return _object_in(line[frame.begin - 1 : len(line) + frame.end + 1])


def _object_in(quoted: bytes | memoryview) -> bytes | None:
    """The object that the text is, without `data:` and the white space around it."""
    text = _text(quoted) or ""
    said = text[len(_DATA) :].strip() if text.startswith("data:") else text.strip(" \t\r\n")
    is_object = said[:1] == "{" and said[-1:] == "}" and "\n" not in said and is_sound(said)
    return said.encode() if is_object else None


def _text(quoted: bytes | memoryview) -> str | None:
    """What the JSON string says; None where the frame misled, and it is more than one."""
    try:
        return text_of(quoted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _tells(name: bytes) -> bool:
    """Whether a line that has the field is more than a logger's of a text."""
    return name.decode() in CHUNK_KEYS or b"err" in name or b"exc" in name


@functools.lru_cache(maxsize=1 << 10)
def _says_nothing(quoted: bytes, is_log: bool) -> bool:
    text = _text(quoted)
    return text is not None and is_ignorable(text.encode("utf-8", "replace"), is_log)
