"""A block of bytes in, the borders of its lines out.

Pure: what a line is depends on its own bytes only (and, for an SSE body, on the lines since its border),
never on where a block was cut. Lines end at LF only; a CR before it is white space to JSON.
"""

from __future__ import annotations

import dataclasses
import mmap
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Bytes looked at together: few enough for the cache, and so many that threads seldom wait for each other between two
# steps, each of which lets another thread run.
WINDOW = 1 << 20
PADDING = 128  # bytes kept free behind a block, so that as many can be read at any of its offsets

BLANK, IGNORABLE, OBJECT, ODD = 0, 1, 2, 3
NO_TRANSCRIPT = -1

_TAB, _LF, _CR, _SPACE, _BRACE = 0x09, 0x0A, 0x0D, 0x20, 0x7B
_LINES_AT_ONCE = 64  # looked at together, up to the first where something is wrong
_DATA = b"data:"
FAILED = b'error: {"code":'
"""How llama.cpp told until late 2025 in the body of a stream that it failed: by a field of its own, not by `data:`."""
DONE = (b"[DONE]", b'"[DONE]"')
"""What ends a body; there are servers that write it as JSON."""
_DONE_BEGINS = np.isin(np.arange(256), [text[0] for text in DONE])

Ints = npt.NDArray[np.int64]


@dataclass
class Block:
    """Whole lines of one source: the unit of work.

    data: the bytes, followed by at least PADDING bytes of room. size: how many of them count.
    offset: where the block begins in the decompressed source. last: nothing follows.
    """

    source: str
    data: bytes | bytearray | mmap.mmap
    size: int
    offset: int = 0
    last: bool = True

    @classmethod
    def of(cls, data: bytes, *, source: str = "-", offset: int = 0, last: bool = True) -> Block:
        """A block with its own copy of the bytes."""
        return cls(source, bytes(data) + bytes(PADDING), len(data), offset, last)

    def __reduce__(self) -> tuple[object, ...]:
        data = bytes(memoryview(self.data)[: self.size]) + bytes(PADDING)
        return (Block, (self.source, data, self.size, self.offset, self.last))


@dataclass
class Lines:
    """The lines of a block, as parallel arrays of one entry per line.

    start, end: where the line's JSON text begins and ends in the block (behind `data:`, before LF).
    begin: where the whole line begins. kind: BLANK, IGNORABLE, OBJECT (begins with a brace) or ODD.
    transcript: number of the SSE body the line belongs to, counted from 0 in this block, or NO_TRANSCRIPT.
    clean: the line has no control character but those that end it.
    bodies_closed: how many bodies ended with [DONE] in this block.
    quotes: where the quotes of the block are that no backslash escapes, if that is known already.
    broken: the numbers of lines that are not UTF-8.
    """

    block: Block
    begin: Ints
    start: Ints
    end: Ints
    kind: npt.NDArray[np.uint8]
    transcript: npt.NDArray[np.int32]
    clean: npt.NDArray[np.bool_]
    bodies_closed: int = 0
    quotes: npt.NDArray[np.int32] | None = None
    broken: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.begin)

    def where(self, keep: npt.NDArray[np.bool_]) -> Lines:
        """Those of the lines that are to be kept."""
        return dataclasses.replace(
            self,
            begin=self.begin[keep],
            start=self.start[keep],
            end=self.end[keep],
            kind=self.kind[keep],
            transcript=self.transcript[keep],
            clean=self.clean[keep],
            broken=np.flatnonzero(np.isin(np.flatnonzero(keep), self.broken)).tolist(),
        )

    def text(self, index: int) -> bytes:
        """The line's JSON text."""
        return bytes(self.block.data[self.start[index] : self.end[index]])

    def raw(self, index: int) -> bytes:
        """The whole line as it stands in the log, without its line end; its text may end before."""
        end = self.block.data.find(b"\n", int(self.end[index]), self.block.size)
        return bytes(self.block.data[int(self.begin[index]) : self.block.size if end < 0 else end])

    def is_cut(self, index: int) -> bool:
        """Whether the log ends within the line."""
        block = self.block
        return block.last and index == len(self) - 1 and block.data[block.size - 1 : block.size] != b"\n"


def scan(block: Block) -> Lines:
    """The lines of a block, told apart by their first bytes."""
    data = np.frombuffer(block.data, np.uint8)
    controls = _controls(data, block.size)
    is_feed = data[controls] == _LF
    ends = controls[is_feed]
    if block.size and data[block.size - 1] != _LF:
        ends = np.append(ends, block.size)
    begin = np.empty(len(ends), np.int64)
    begin[:1] = 0
    begin[1:] = ends[:-1] + 1
    first = data[np.minimum(begin, max(block.size - 1, 0))]
    kind = np.full(len(begin), ODD, np.uint8)
    kind[first == _BRACE] = OBJECT
    kind[begin == ends] = BLANK
    start = begin.copy()
    transcript = np.full(len(begin), NO_TRANSCRIPT, np.int32)
    lines = Lines(block, begin, start, ends, kind, transcript, _clean(data, ends, controls[~is_feed]))
    odd = np.flatnonzero(kind == ODD)
    if len(odd):
        _read_sse(lines, data, odd)
        _read_white_space(lines, data)
    _mark_invalid(lines)
    return lines


def _controls(data: npt.NDArray[np.uint8], size: int) -> Ints:
    """Where the control characters are."""
    found, is_control = [np.empty(0, np.int64)], np.empty(WINDOW, bool)
    for offset in range(0, size, WINDOW):
        window = data[offset : min(offset + WINDOW, size)]
        place = np.less(window, _SPACE, out=is_control[: len(window)]).nonzero()[0]
        place += offset
        found.append(place)
    return np.concatenate(found)


def _clean(data: npt.NDArray[np.uint8], ends: Ints, others: Ints) -> npt.NDArray[np.bool_]:
    """Lines without control characters, but for a CR before the line feed; others are all but line feeds."""
    clean = np.ones(len(ends), bool)
    if len(others):
        stray = others[~((data[others] == _CR) & (data[others + 1] == _LF))]
        clean[np.searchsorted(ends, stray)] = False
    return clean


def _read_sse(lines: Lines, data: npt.NDArray[np.uint8], odd: Ints) -> None:
    """Find `data:` lines, also indented; each [DONE] closes a body, and what follows belongs to the next."""
    block = lines.block.data
    begin = _behind_white_space(lines, data, odd)
    events, failures = (_that_begin(data, begin, odd, field) for field in (_DATA, FAILED))
    found = np.sort(np.concatenate([events, failures]))
    if not len(found):
        return
    start = begin + len(_DATA)
    start[failures] = begin[failures] + FAILED.index(b"{")
    start = start[found]
    start += data[start] == _SPACE
    lines.start[found] = np.minimum(start, lines.end[found])
    lines.kind[found] = np.where(data[lines.start[found]] == _BRACE, OBJECT, ODD)
    may_end = found[_DONE_BEGINS[data[lines.start[found]]]]
    done = [i for i in may_end.tolist() if bytes(block[lines.start[i] : lines.end[i]]).strip() in DONE]
    lines.kind[done] = IGNORABLE
    closed = np.zeros(len(lines), np.int32)
    closed[done] = 1
    before = np.cumsum(closed, dtype=np.int32) - closed
    lines.transcript[found] = before[found]
    lines.bodies_closed = len(done)


def _that_begin(data: npt.NDArray[np.uint8], begin: Ints, odd: Ints, field: bytes) -> Ints:
    """Those of the lines that begin so."""
    found = odd[data[begin[odd]] == field[0]]
    for place, byte in enumerate(field):
        found = found[data[np.minimum(begin[found] + place, len(data) - 1)] == byte]
    return found


def _behind_white_space(lines: Lines, data: npt.NDArray[np.uint8], odd: Ints) -> Ints:
    """Where the texts of the lines begin, of which these may be indented."""
    begin, block = lines.begin.copy(), lines.block.data
    first = data[begin[odd]]
    for line in odd[(first == _SPACE) | (first == _TAB)].tolist():
        text = bytes(block[begin[line] : lines.end[line]])
        begin[line] += len(text) - len(text.lstrip(b" \t"))
    return begin


def _read_white_space(lines: Lines, data: npt.NDArray[np.uint8]) -> None:
    """Lines of white space are blank; white space before a record is skipped."""
    odd = np.flatnonzero(lines.kind == ODD)
    first = data[np.minimum(lines.start[odd], len(data) - 1)]
    may_begin_white = (lines.end[odd] - lines.start[odd] <= 1) | (first == _SPACE) | (first == _TAB) | (first == _CR)
    for i in odd[may_begin_white].tolist():
        start = int(lines.start[i])
        text = bytes(lines.block.data[start : lines.end[i]])
        stripped = text.strip(b" \t\r")
        if not stripped:
            lines.kind[i] = BLANK if lines.transcript[i] == NO_TRANSCRIPT else IGNORABLE
        elif stripped[:1] == b"{":
            lines.start[i] = start + text.index(b"{")
            lines.kind[i] = OBJECT


def _texts(data: bytes | bytearray | mmap.mmap, borders: Ints) -> pa.StringArray:
    """What stands between these borders."""
    offsets = pa.py_buffer(borders.astype(np.int32))
    return pa.StringArray.from_buffers(len(borders) - 1, offsets, pa.py_buffer(data))


def _are_utf8(texts: pa.StringArray) -> bool:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _mark_invalid(lines: Lines) -> None:
    """Lines that are not UTF-8 are odd."""
    block = lines.block
    if _are_utf8(_texts(block.data, np.array([0, block.size]))):
        return
    texts = _texts(block.data, np.append(lines.begin[::_LINES_AT_ONCE], block.size))
    for number in range(len(texts)):
        if not _are_utf8(texts.slice(number, 1)):
            first = number * _LINES_AT_ONCE
            _mark_invalid_among(lines, first, min(first + _LINES_AT_ONCE, len(lines)))


def _mark_invalid_among(lines: Lines, first: int, after: int) -> None:
    """The same of these lines: a decoder tells in which of them the first error is, and goes on behind it."""
    data = memoryview(lines.block.data)
    end = lines.end[after - 1]
    while first < after:
        start = int(lines.begin[first])
        try:
            str(data[start:end], "utf-8")
        except UnicodeDecodeError as error:
            broken = int(np.searchsorted(lines.begin, start + error.start, side="right")) - 1
            lines.broken.append(broken)
            if lines.kind[broken] == OBJECT:
                lines.kind[broken] = ODD
            first = broken + 1
        else:
            return
