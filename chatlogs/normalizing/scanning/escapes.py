r"""Places of JSON strings in a block in, their texts out: what escapes mean is put in their place, for all at once.

The strings are sound: a backslash begins an escape that JSON knows, and each half of a surrogate pair has its other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlogs.normalizing.scanning.words import Words, places, ranges
from chatlogs.reading.lines import Ints

_BACKSLASH, _U = 0x5C, 0x75
_MEANT = np.arange(256, dtype=np.uint8)
for _letter, _byte in zip(b"bfnrt", b"\b\f\n\r\t", strict=True):
    _MEANT[_letter] = _byte
_DIGITS = np.zeros(256, np.uint64)
for _value, _pair in enumerate(("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "aA", "bB", "cC", "dD", "eE", "fF")):
    _DIGITS[[ord(digit) for digit in _pair]] = _value
_LEADS = np.array([0, 0, 0xC0, 0xE0, 0xF0], np.uint64)


class Escapes:
    """Where the backslashes of a block are."""

    def __init__(self, words: Words, size: int) -> None:
        self._words = words
        self._data = data = np.frombuffer(words.data, np.uint8)
        self.place = places(data, size, _BACKSLASH).astype(np.int64)

    def texts(self, start: Ints, end: Ints) -> pa.StringArray:
        """What the strings from start to end, given in the order of the block, say."""
        first, last = np.searchsorted(self.place, start), np.searchsorted(self.place, end)
        count = last - first
        if not count.any():
            return self._words.views(start, end).cast(pa.string())
        row = np.repeat(np.arange(len(start)), count)
        place = self.place[ranges(first, count)]
        is_first = np.append(True, place[1:] != place[:-1] + 1)
        number = np.arange(len(place))
        begun = np.maximum.accumulate(np.where(is_first, number, 0))
        begins = (number - begun) & 1 == 0  # the second of two backslashes is what the first escapes
        row, place = row[begins], place[begins]
        meant, size, length = self._meant(place)
        keep = np.flatnonzero(length)  # the second half of a pair is read with the first
        row, place, meant, size, length = row[keep], place[keep], meant[keep], size[keep], length[keep]
        sizes = end - start - np.bincount(row, length - size, minlength=len(start)).astype(np.int64)
        parts = self._parts(start, end, row, place, length)
        between = row + 2 * np.arange(len(row)) + 1
        parts[between, 0], parts[between, 1] = meant << np.uint64(32) | size.astype(np.uint64), 0
        views = pa.Array.from_buffers(
            pa.string_view(), len(parts), [None, pa.py_buffer(parts), pa.py_buffer(self._words.data)]
        )
        offsets = np.append(0, np.cumsum(sizes)).astype(np.int32)
        return pa.StringArray.from_buffers(len(start), pa.py_buffer(offsets), views.cast(pa.string()).buffers()[2])

    def _parts(self, start: Ints, end: Ints, row: Ints, place: Ints, length: Ints) -> npt.NDArray[np.uint64]:
        """Views of all that stands between escapes, with room for what each of these means between them."""
        count = np.bincount(row, minlength=len(start))
        until = np.cumsum(count)
        begin, stop = (np.zeros(len(start) + 2 * len(row), np.int64) for _ in range(2))
        rows, escapes = np.arange(len(start)), row + 2 * np.arange(len(row))
        begin[rows + 2 * (until - count)], stop[rows + 2 * until] = start, end
        stop[escapes], begin[escapes + 2] = place, place + length
        _, views, _ = self._words.views(begin, stop).buffers()
        return np.frombuffer(views, np.uint64).reshape(-1, 2).copy()

    def _meant(self, place: Ints) -> tuple[npt.NDArray[np.uint64], Ints, Ints]:
        """What the escapes at these places mean: the bytes as a number, how many, and how long the escape is."""
        data = self._data
        letter = data[place + 1]
        meant, size, length = _MEANT[letter].astype(np.uint64), np.ones_like(place), np.full_like(place, 2)
        wide = np.flatnonzero(letter == _U)
        if not len(wide):
            return meant, size, length
        value = np.zeros(len(wide), np.uint64)
        for behind in range(2, 6):
            value = value << np.uint64(4) | _DIGITS[data[place[wide] + behind]]
        half = value >> np.uint64(10)
        high, is_low = np.flatnonzero(half == 0xD800 >> 10), half == 0xDC00 >> 10
        low = np.uint64(0x3FF)
        value[high] = np.uint64(0x10000) + ((value[high] & low) << np.uint64(10)) + (value[high + 1] & low)
        length[wide] = np.where(is_low, 0, np.where(half == 0xD800 >> 10, 12, 6))
        size[wide] = 1 + (value >= 0x80).astype(np.int64) + (value >= 0x800) + (value >= 0x10000)
        encoded = value.copy()
        for bytes_ in range(2, 5):
            rows = np.flatnonzero(size[wide] == bytes_)
            encoded[rows] = _LEADS[bytes_] | value[rows] >> np.uint64(6 * (bytes_ - 1))
            for at in range(1, bytes_):
                part = np.uint64(0x80) | value[rows] >> np.uint64(6 * (bytes_ - 1 - at)) & np.uint64(0x3F)
                encoded[rows] |= part << np.uint64(8 * at)
        meant[wide] = encoded
        return meant, size, length
