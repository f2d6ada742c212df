"""An opened log in, blocks of whole lines out.

Blocks end at a line end, so that every line is whole in one of them; buffers are used again, so a block's bytes
are valid until `Reader.release` gives its buffer back.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable

from chatlogs.errors import SourceError
from chatlogs.reading.http import before_open_head
from chatlogs.reading.lines import PADDING, Block
from chatlogs.reading.opening import Opened
from chatlogs.reading.parts import goes_on
from chatlogs.reading.sources import HEAD_BYTES

BLOCK_BYTES = 24 << 20
WIDE_BLOCK_BYTES = 48 << 20  # for logs that fold to little, where a block's fixed costs weigh more than its memory
LONGEST_BYTES = 256 << 20  # of one line, or of JSON laid out over lines; a decompression bomb ends here
_MB = LONGEST_BYTES // 1_000_000
_PIPE_BYTES = 1 << 20
_NEARBY = 1 << 16  # bytes before the last line end, in which an event of an SSE body is looked for that ends
_LONGEST_PARTS = 16 << 20  # bytes of lines that go on with each other
_OF_EVENTS = (b"data:", b"event:", b"id:")
_CONTINUING = (b" ", b"\t", b"}", b"]")
_LINE_BEGIN = re.compile(rb"(?<=\n)[^\s}\]]")
_BLANK_LINES = (b"\n\n", b"\n\r\n")
# Not shared, which has other, slower pages; and not in large pages: to touch a MB for the first time took 0.7 ms in
# small ones, and in large ones 0.2 or, where the machine had given its free memory back to its host, 4 ms.
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class Reader:
    """Cuts a source into blocks that end at a line end; a line longer than a block makes a longer one."""

    def __init__(
        self, opened: Opened, *, block_bytes: int = BLOCK_BYTES, buffers: list[mmap.mmap] | None = None
    ) -> None:
        self._opened = opened
        self._block_bytes = block_bytes
        # Whoever leaves the length to us may widen: then the first buffers are long enough, and serve again.
        self._mapped_bytes = WIDE_BLOCK_BYTES if block_bytes == BLOCK_BYTES else block_bytes
        self._free = buffers if buffers is not None else []
        self.position = 0
        self.lines_skipped = 0
        self.head = b""  # the first bytes that were read, by which the ledger knows a log

    def skip(self, count: int) -> bool:
        """Read past the first `count` bytes, counting their lines; False when the source is shorter."""
        buffer = memoryview(bytearray(max(1, min(count - self.position, _PIPE_BYTES))))
        while self.position < count:
            got = self._fill(buffer[: count - self.position])
            if not got:
                return False
            self.position += got
            self.lines_skipped += bytes(buffer[:got]).count(b"\n")
        return True

    def blocks(self, *, is_document: Callable[[memoryview], bool] | None = None) -> Iterable[Block]:
        """The blocks from here to the end. A source whose first bytes are a document's comes as one block."""
        room = self._block_bytes
        buffer, filled, start = self._buffer(room), 0, self.position
        whole = None
        while True:
            got = self._fill(memoryview(buffer)[filled:room]) if filled < room else 0
            filled += got
            self.position += got
            if filled < room and got:
                continue
            at_end = filled < room
            if whole is None:
                whole = is_document is not None and is_document(memoryview(buffer)[:filled])
            end = filled if at_end else border(buffer, filled)
            if not at_end and (whole or not end):
                if room > max(LONGEST_BYTES, self._block_bytes):
                    what = "a JSON text laid out over lines" if whole and end else "a line"
                    raise SourceError(f"{self._opened.source.name} holds {what} of more than {_MB} MB: split it first")
                room *= 2
                longer = self._buffer(room)
                longer[:filled] = memoryview(buffer)[:filled]
                buffer = longer
                continue
            if at_end:
                yield Block(self._opened.source.name, buffer, end, start, last=True)
                return
            room = max(self._block_bytes, filled - end)
            rest = self._buffer(room)
            rest[: filled - end] = memoryview(buffer)[end:filled]
            yield Block(self._opened.source.name, buffer, end, start, last=False)
            start += end
            buffer, filled = rest, filled - end

    def widen(self, block_bytes: int) -> None:
        """Make the blocks to come at least this long."""
        self._block_bytes = max(self._block_bytes, block_bytes)

    def release(self, block: Block) -> None:
        """Give a block's buffer back; its bytes must not be used any more."""
        if isinstance(block.data, mmap.mmap) and len(block.data) == self._mapped_bytes + PADDING:
            self._free.append(block.data)

    def _buffer(self, size: int) -> mmap.mmap:
        """Memory for so many bytes; the system gives it page by page when they are written."""
        if size <= self._mapped_bytes and self._free:
            return self._free.pop()
        return mmap.mmap(-1, max(size, self._mapped_bytes) + PADDING, flags=_PRIVATE)

    def _fill(self, view: memoryview) -> int:
        got = self._opened.stream.readinto(view) or 0
        self._opened.digests.content.update(view[:got])
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(view[: min(got, HEAD_BYTES - len(self.head))])
        return got


def border(buffer: mmap.mmap | bytes, filled: int) -> int:
    """Where the last lines end that only make sense together; 0 where no line ends."""
    return before_open_head(buffer, _before_parts(buffer, _after_event(buffer, filled)))


def _after_event(buffer: mmap.mmap | bytes, filled: int) -> int:
    """Where the last whole line ends; in an SSE body the last event, whose lines only make sense together."""
    end = buffer.rfind(b"\n", 0, filled) + 1
    last = buffer.rfind(b"\n", 0, max(0, end - 1)) + 1
    if not buffer[last : last + 8].startswith(_OF_EVENTS):
        return _before_laid_out(buffer, end, filled)
    near = memoryview(buffer)[:end][-_NEARBY:].tobytes()
    behind = max((near.rfind(blank) + len(blank) for blank in _BLANK_LINES if blank in near), default=len(near))
    return end - len(near) + behind


def _before_parts(buffer: mmap.mmap | bytes, end: int) -> int:
    """The same border, or one before lines that the next one goes on with; 0 where all lines are such."""
    border = end
    while border and end - border < _LONGEST_PARTS:
        last = buffer.rfind(b"\n", 0, border - 1) + 1
        if not goes_on(buffer, last, border - 1):
            return border
        border = last
    return end if border else 0


def _before_laid_out(buffer: mmap.mmap | bytes, end: int, filled: int) -> int:
    """The same border, or one nearby where it would part a text that is laid out, as what follows is indented."""
    if end == filled or buffer[end : end + 1] not in _CONTINUING:
        return end
    near = memoryview(buffer)[:end][-_NEARBY:].tobytes()
    begins = [found.start() for found in _LINE_BEGIN.finditer(near)]
    return end - len(near) + begins[-1] if begins else end
