"""Chosen lines of a block in, the places of their quotes out.

Quotes tell where the texts of a line begin and end, before anything is parsed; those that a backslash escapes do not
count. Lines that need no such look, which may be most of a block, cost nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chatlogs.normalizing.scanning.words import Offsets, counts
from chatlogs.reading.lines import WINDOW, Ints, Lines

_QUOTE, _BACKSLASH = 0x22, 0x5C
_MOST = 1 / 2  # of a block; for more than that all of it is searched

_Bytes = npt.NDArray[np.uint8]


class Quotes:
    """The quotes of the lines that were `look`ed at: those of line i are at place[first[i]:first[i] + count[i]]."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._data = np.frombuffer(lines.block.data, np.uint8)
        known = lines.quotes
        self.place: Offsets = np.empty(0, np.int32) if known is None else known
        self.first = np.zeros(len(lines), np.int64)
        self.count = np.zeros(len(lines), np.int64)

    def look(self, line: Ints) -> None:
        """Find the quotes of these lines, given in order, in which nobody looked before."""
        if self._lines.quotes is not None:
            self._note(line, self.place, 0)
            return
        start, end = self._lines.start[line], self._lines.end[line]
        if int((end - start).sum()) > _MOST * self._lines.block.size:
            place = _quotes(self._data, self._lines.block.size)
        else:
            place = _quotes_in_lines(self._data, start, end)
        self._note(line, place, len(self.place))
        self.place = np.concatenate([self.place, place]) if len(self.place) else place

    def _note(self, line: Ints, place: Offsets, before: int) -> None:
        """Which of these quotes are those of the lines; so many stand before them."""
        first, self.count[line] = counts(place, self._lines.start[line], self._lines.end[line])
        self.first[line] = first + before


def _quotes_in_lines(data: _Bytes, start: Ints, end: Ints) -> Offsets:
    """The quotes of lines here and there, found in a copy where they stand side by side."""
    view = data.data
    copied = b"".join([view[at:until] for at, until in zip(start.tolist(), end.tolist(), strict=True)])
    copy = np.frombuffer(copied, np.uint8)
    ends = np.cumsum(end - start)
    place = _quotes(copy, len(copy))
    line = np.searchsorted(ends, place, side="right")
    return (place + (end - ends)[line]).astype(np.int32)


def _quotes(data: _Bytes, size: int) -> Offsets:
    """Where quotes are that no backslash escapes."""
    found, is_quote = [np.empty(0, np.int32)], np.empty(WINDOW, bool)
    for offset in range(0, size, WINDOW):
        window = data[offset : min(offset + WINDOW, size)]
        place = np.equal(window, _QUOTE, out=is_quote[: len(window)]).nonzero()[0]
        place += offset
        behind_backslash = data[place - 1] == _BACKSLASH
        if behind_backslash.any():
            doubtful = behind_backslash.nonzero()[0]
            behind_backslash[doubtful] = _is_escaped(data, place[doubtful])
            place = place[~behind_backslash]
        found.append(place.astype(np.int32))
    return np.concatenate(found)


def _is_escaped(data: _Bytes, place: Ints) -> npt.NDArray[np.bool_]:
    """Whether an odd number of backslashes stands before each place."""
    escaped = np.zeros(len(place), bool)
    left, before = np.arange(len(place)), place - 1
    while len(left):
        goes_on = (before >= 0) & (data[before] == _BACKSLASH)
        left, before = left[goes_on], before[goes_on] - 1
        escaped[left] ^= True
    return escaped
