"""Bytes of many places at once: compared, counted and shown eight at a time.

Every function takes places in one block as arrays and answers for each of them; no byte of a block is copied.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlogs.reading.lines import PADDING, WINDOW, Block, Ints

Bools = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int32]
"""Places in a block, as wide as an offset in string views."""
_Words = npt.NDArray[np.uint64]

_SIZE = 8
_SLICE = 1 << 15  # places looked at together, so that what is computed of them stays in the cache
_MOST_WORDS = PADDING // _SIZE  # looked at together of a text: some of them may stand behind the block
_INLINE = 12  # a string view this short holds its text itself
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_SIZE + 1)], np.uint64)  # the first bytes of a word
_ALL = _MASKS[_SIZE]
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_DIGITS, _ABOVE_NINE = np.uint64(0x3030303030303030), np.uint64(0x7676767676767676)
_PAIRS = (
    (np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(2561), np.uint64(8)),
    (np.uint64(0x00FF00FF00FF00FF), np.uint64(6553601), np.uint64(16)),
    (np.uint64(0x0000FFFF0000FFFF), np.uint64(42949672960001), np.uint64(32)),
)
_ESCAPE = np.uint64(int.from_bytes(b"\\u", "little"))
_ESCAPE_SIZE = 6  # bytes, with its four digits
_BACKSLASHES = np.uint64(0x5C) * _ONES
MOST_DIGITS = 2 * _SIZE


def ranges(first: Ints, count: Ints) -> Ints:
    """All of first, first + 1, ..., as many as count says, one range after the other."""
    ends = np.cumsum(count)
    return np.repeat(first - ends + count, count) + np.arange(ends[-1] if len(ends) else 0)


def places(data: npt.NDArray[np.uint8], size: int, byte: int) -> Offsets:
    """Where the byte stands in so many bytes of a block."""
    found, is_one = [np.empty(0, np.int32)], np.empty(WINDOW, bool)
    for offset in range(0, size, WINDOW):
        window = data[offset : min(offset + WINDOW, size)]
        place = np.equal(window, byte, out=is_one[: len(window)]).nonzero()[0]
        found.append((place + offset).astype(np.int32))
    return np.concatenate(found)


def counts(places: Offsets, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The first of the places that stands at each start or behind it, and how many stand from there to each end."""
    first = np.searchsorted(places, start.astype(np.int32))  # of the same width: else all would be copied
    return first, np.searchsorted(places, end.astype(np.int32)) - first


class Words:
    """The block's bytes, readable as a word of eight from any place."""

    def __init__(self, block: Block) -> None:
        self.data = block.data
        self._bytes = np.frombuffer(self.data, np.uint8)
        self._words: _Words = np.ndarray((len(self.data) - _SIZE + 1,), "<u8", self.data, 0, (1,))

    def equal(self, place: Ints, text: bytes) -> Bools:
        """Where the text stands at the place."""
        count = max(1, -(-len(text) // _SIZE))
        there = self._row(place, count)
        there[:, -1] &= _MASKS[len(text) - _SIZE * (count - 1)]
        wanted = np.frombuffer(text.ljust(count * _SIZE, b"\0"), "<u8")
        flat = there.ravel()
        # Most places hold the text: that each is like the one before is seen at once, and cheaply.
        if len(place) and (there[0] == wanted).all() and (flat[count:] == flat[:-count]).all():
            return np.ones(len(place), bool)
        same = np.ones(len(place), bool)
        for at, word in enumerate(wanted):
            same &= there[:, at] == word
        return same

    def _row(self, place: Ints, count: int) -> _Words:
        """So many words from each place on, side by side: to copy them costs little more than to copy one."""
        size = count * _SIZE
        data = self._bytes.data
        rows: npt.NDArray[np.void] = np.ndarray((len(data) - size + 1,), f"V{size}", data, 0, (1,))
        return rows[place].view("<u8").reshape(len(place), count)

    def begin_with(self, place: Ints, byte: int) -> Bools:
        """Where the byte stands at the place."""
        return self._bytes[place] == byte

    def contain(self, start: Ints, end: Ints, byte: int) -> Bools:
        """Where the byte stands anywhere from start to end."""
        pattern = np.uint64(byte) * _ONES
        found = np.zeros(len(start), bool)
        rows, place, left = np.arange(len(start)), start, end - start
        while len(rows):
            count = min(_MOST_WORDS, max(1, -(-int(left.max()) // _SIZE)))
            word = self._row(place, count)
            word ^= pattern
            if _has_zero(word).any():
                # Perhaps behind the end.
                for at in range(count):
                    inside = _MASKS[np.clip(left - at * _SIZE, 0, _SIZE)]
                    found[rows] |= _has_zero(word[:, at] | ~inside) != 0
            goes_on = np.flatnonzero(left > count * _SIZE)
            rows, place, left = rows[goes_on], place[goes_on] + count * _SIZE, left[goes_on] - count * _SIZE
        return found

    def first(self, start: Ints, end: Ints, byte: int) -> Ints:
        """Where the byte stands first from start to end; end where it does not."""
        pattern = np.uint64(byte) * _ONES
        found = end.copy()
        rows, place = np.arange(len(start)), start
        while len(rows):
            zeros = _has_zero(self._words[place] ^ pattern)
            place = place + np.where(zeros == 0, _SIZE, np.bitwise_count((zeros & -zeros) - np.uint64(1)) >> 3)
            goes_on = (zeros == 0) & (place < end[rows])
            found[rows] = place
            rows, place = rows[goes_on], place[goes_on]
        return np.minimum(found, end)

    def end_in_escape(self, start: Ints, end: Ints) -> Bools:
        r"""Where a \uXXXX may have begun before the end that needs more digits than stand there."""
        word = self._words[end - _SIZE]
        found = np.zeros(len(end), bool)
        rows = np.flatnonzero(_has_zero(word ^ _BACKSLASHES | _MASKS[_SIZE - _ESCAPE_SIZE + 1]))
        word, size = word[rows], end[rows] - start[rows]
        for behind in range(2, _ESCAPE_SIZE):
            is_there = (word >> np.uint64(_SIZE * (_SIZE - behind))) & _MASKS[2] == _ESCAPE
            found[rows] |= is_there & (size >= behind)
        return found

    def are_numbers(self, start: Ints, end: Ints) -> Bools:
        """Where start to end is a whole number as JSON writes it, of at most MOST_DIGITS digits and no sign."""
        size = end - start
        good = (size > 0) & (size <= MOST_DIGITS) & ((size == 1) | (self._bytes[start] != ord("0")))
        good &= _all_digits((self._words[start] ^ _DIGITS) & _MASKS[np.minimum(size, _SIZE)])
        if len(size) and size.max() > _SIZE:
            good &= _all_digits((self._words[start + _SIZE] ^ _DIGITS) & _MASKS[np.clip(size - _SIZE, 0, _SIZE)])
        return good

    def digits(self, place: Ints) -> Ints:
        """How many digits stand from the place on; of more than eight, eight."""
        other = self._words[place] ^ _DIGITS
        other = (other | (other + _ABOVE_NINE)) & _HIGHS  # right up to the first byte that is no digit
        return (np.bitwise_count(~other & (other - np.uint64(1))) >> 3).astype(np.int64)

    def numbers(self, start: Ints, end: Ints) -> Ints:
        """The whole numbers that stand from start to end, for which `are_numbers` holds."""
        if len(start) and (end - start).max() == 1:
            return self._bytes[start].astype(np.int64) - ord("0")
        many = np.maximum(end - start - _SIZE, 0)
        number = self._value(start + many, end - start - many)
        return number if not many.any() else number + self._value(start, many) * 10**_SIZE

    def _value(self, start: Ints, size: Ints) -> Ints:
        """The number of up to eight digits that stands at the place."""
        # Shifted, the digits are the last of the word, and zeros stand before them.
        word = np.where(size > 0, self._words[start] << (_SIZE * np.minimum(_SIZE - size, 7)).astype(np.uint64), 0)
        for mask, factor, shift in _PAIRS:
            word = (word & mask) * factor >> shift
        return word.astype(np.int64)

    def views(self, start: Ints, end: Ints) -> pa.Array:
        """Strings start:end of the block."""
        view = np.empty((len(start), 2), np.uint64)
        for at in range(0, len(start), _SLICE):
            some = slice(at, at + _SLICE)
            self._view(start[some], end[some] - start[some], view[some])
        buffers = [None, pa.py_buffer(view), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.string_view(), len(start), buffers)

    def _view(self, start: Ints, size: Ints, view: _Words) -> None:
        """Fill in views: the size, and the text itself, or how it begins and where it stands."""
        row = self._row(start, 2)
        begin, rest = row[:, 0] << np.uint64(32), start.astype(np.uint64) << np.uint64(32)
        if len(size) and size.min() <= _INLINE:
            short = size <= _INLINE
            begin &= np.where(short, _MASKS[np.minimum(size, 4)] << np.uint64(32), _ALL)
            own = row[:, 0] >> np.uint64(32) | row[:, 1] << np.uint64(32)
            rest = np.where(short, own & _MASKS[np.clip(size - 4, 0, _SIZE)], rest)
        begin |= size.astype(np.uint64)
        view[:, 0], view[:, 1] = begin, rest


def _has_zero(word: _Words) -> _Words:
    """Not 0 where one of the bytes is zero: then the lowest bit is that of the first of them."""
    return (word - _ONES) & ~word & _HIGHS


def _all_digits(digits: _Words) -> Bools:
    """Whether no byte is above nine."""
    return ((digits | (digits + _ABOVE_NINE)) & _HIGHS) == 0
