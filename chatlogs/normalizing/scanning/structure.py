"""JSON lines in, the places of their objects and fields out: for all lines at once, and nothing is decoded.

Quotes tell where texts are, and brackets between them how deep each place is. Of a line that is JSON all else follows:
the fields of an object are the texts at its depth that a colon follows. Lines of another kind are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.escapes import Escapes
from chatlogs.normalizing.scanning.quotes import Quotes
from chatlogs.normalizing.scanning.words import Bools, Words, ranges
from chatlogs.reading.decoding import DEPTH_LIMIT
from chatlogs.reading.lines import WINDOW, Ints, Lines

NOTHING, TEXT, EMPTY_TEXT, OBJECT, EMPTY_OBJECT, LIST, EMPTY_LIST, TRUE, FALSE, NULL, NUMBER = range(11)
_EMPTY = np.arange(NUMBER + 1, dtype=np.uint8)
_EMPTY[[TEXT, OBJECT, LIST]] = EMPTY_TEXT, EMPTY_OBJECT, EMPTY_LIST
_KINDS = np.full(256, NOTHING, np.uint8)
for _byte, _kind in ((b'"', TEXT), (b"{", OBJECT), (b"[", LIST), (b"t", TRUE), (b"f", FALSE), (b"n", NULL)):
    _KINDS[_byte[0]] = _kind
_KINDS[list(b"-0123456789")] = NUMBER
_AT_ONCE = 64  # lines judged together, and one by one where something is wrong
_SPACE, _COMMA, _ZERO, _COLON, _E, _OPEN = 0x20, 0x2C, 0x30, 0x3A, 0x65, 0x7B
_LEAST_EXPONENT, _MOST_DIGITS = 5, 300  # of what stands between two texts
_LONG = re.compile(rb"[0-9]{%d}" % _MOST_DIGITS)
_judge = msgspec.json.Decoder(msgspec.Raw)
_Bytes = npt.NDArray[np.uint8]


@dataclass
class Members:
    """Fields of objects, in the order of the log: the number of the object, the text that is the name, the value."""

    owner: Ints
    name: Ints
    start: Ints
    end: Ints

    @classmethod
    def joined(cls, parts: Sequence[Members]) -> Members:
        """All of them, in the order given."""
        columns = zip(*((of.owner, of.name, of.start, of.end) for of in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def where(self, keep: Bools | Ints) -> Members:
        """Those of the fields that are to be kept, or that stand in these places."""
        return Members(self.owner[keep], self.name[keep], self.start[keep], self.end[keep])


class Structure:
    """The strings and brackets of lines that are sound JSON, by number in `line`; `root`: the bracket each begins with.

    An object is known by the number of its opening bracket. bad: lines, by their place in `line`, of which something
    was found on the way that has to be read alone.
    """

    def __init__(self, lines: Lines, chosen: Ints) -> None:
        self.lines, self.words = lines, Words(lines.block)
        self.data: _Bytes = np.frombuffer(lines.block.data, np.uint8)
        quotes = Quotes(lines)
        quotes.look(np.arange(len(lines)))
        good = chosen[lines.clean[chosen] & (quotes.count[chosen] & 1 == 0)]
        self.quotes = place = quotes.place
        if int(quotes.count[good].sum()) < len(place):
            place = place[ranges(quotes.first[good], quotes.count[good])]
        self.opens, self.closes = place[0::2].copy(), place[1::2].copy()
        self.followed = self.data[self.closes + 1]
        self.escapes = Escapes(self.words, lines.block.size)
        self._find_brackets(good)
        self.line = good
        self._keep_sound(good)
        self._levels: dict[int, Ints] = {}
        self.bad = np.zeros(len(self.line), bool)

    def _find_brackets(self, good: Ints) -> None:
        lines, place = self.lines, _brackets(self.data, self.lines.block.size)
        before = np.searchsorted(self.opens, place)  # how many texts begin before each
        outside = self.closes[before - 1] < place if len(self.opens) else np.ones(len(place), bool)
        outside |= before == 0
        place, before = place[outside], before[outside]
        first, last = np.searchsorted(place, lines.start[good]), np.searchsorted(place, lines.end[good])
        if int((last - first).sum()) < len(place):
            some = ranges(first, last - first)
            place, before = place[some], before[some]
            last = np.cumsum(last - first)
            first = np.append(0, last[:-1]) if len(last) else last
        self.place, self.text = place, np.append(before, len(self.opens))
        self.opening = self.data[place] & 4 == 0
        depth = np.cumsum(self.opening.astype(np.int32) * 2 - 1, dtype=np.int32)
        before_line = np.append(0, depth)[first]
        self.depth = depth - np.repeat(before_line, last - first).astype(np.int32)
        self._first, self._last = first, last

    def _keep_sound(self, good: Ints) -> None:
        """Leave out lines that are no JSON object, or that are too deep, or have blanks behind their texts."""
        lines, first, last = self.lines, self._first, self._last
        zeros = np.flatnonzero(self.depth == 0)
        sound = (last > first) & (np.searchsorted(zeros, last) - np.searchsorted(zeros, first) == 1)
        end = np.maximum(last - 1, 0)
        ends = lines.end[good]
        if len(self.place):
            at = self.place[end]
            sound &= (self.depth[end] == 0) & (self.place[np.minimum(first, len(self.place) - 1)] == lines.start[good])
            sound &= (at == ends - 1) | ((at == ends - 2) & (self.data[np.maximum(ends - 1, 0)] <= _SPACE))
        for found in (self.place[self.depth > DEPTH_LIMIT], self.closes[self.followed <= _SPACE]):
            if len(found):
                sound[np.searchsorted(lines.start[good], found, side="right") - 1] = False
        sound[np.flatnonzero(sound)] = self._are_json(good[sound])
        self.line, self.root = good[sound], first[sound]

    def _are_json(self, line: Ints) -> Bools:
        """Which of the lines, each of them one pair of brackets with something between, are JSON."""
        view = memoryview(self.lines.block.data)
        found = np.zeros(len(line), bool)
        starts, ends = self.lines.start[line], self.lines.end[line]
        for at, until in batches(starts, ends):
            if _is_json(view[starts[at] : ends[until - 1]], until - at):
                found[at:until] = True
            else:
                lines = zip(starts[at:until].tolist(), ends[at:until].tolist(), strict=True)
                found[at:until] = [_is_json(view[one:two], 1) for one, two in lines]
        return found

    def at(self, place: Ints) -> Ints:
        """The brackets that stand at these places."""
        return np.searchsorted(self.place, place)

    def closing(self, opening: Ints, depth: int) -> Ints:
        """The brackets that close these, which open that depth."""
        level = self._level(depth - 1)
        return level[np.searchsorted(level, opening)]

    def _level(self, depth: int) -> Ints:
        if depth not in self._levels:
            self._levels[depth] = np.flatnonzero(self.depth == depth)
        return self._levels[depth]

    def members(self, opening: Ints, depth: int, line: Ints) -> Members:
        """The fields of objects, given in the order of the log, which open that depth and stand in these lines."""
        closing, level = self.closing(opening, depth), self._level(depth)
        first = np.searchsorted(level, opening)
        count = np.searchsorted(level, closing) - first
        behind = level[ranges(first, count)]  # brackets behind which the object's own fields go on
        owner = np.repeat(np.arange(len(opening)), count)
        count = self.text[behind + 1] - self.text[behind]
        name, owner = ranges(self.text[behind], count), np.repeat(owner, count)
        is_name = self.followed[name] == _COLON
        name, owner = name[is_name], owner[is_name]
        start = self.closes[name] + 2
        start += self.data[start] == _SPACE
        is_last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
        end = np.where(is_last, self.place[closing[owner]], self.opens[np.append(name[1:], 0)[: len(name)]])
        end = end - (self.data[end - 1] == _SPACE)
        odd = ~is_last & (self.data[end - 1] != _COMMA)
        end = np.where(is_last, end, end - 1)
        odd |= (self.data[start] <= _SPACE) | (self.data[end - 1] <= _SPACE)
        if odd.any():
            self.bad[line[owner[odd]]] = True
        return Members(owner, name, start, end)

    def elements(self, opening: Ints, depth: int, line: Ints) -> tuple[Ints, Ints]:
        """The objects in lists of objects, and in which list each is; lines with other lists are bad."""
        closing = self.closing(opening, depth)
        level = self._level(depth + 1)
        level = level[self.opening[level]]
        first = np.searchsorted(level, opening)
        count = np.searchsorted(level, closing) - first
        found, owner = level[ranges(first, count)], np.repeat(np.arange(len(opening)), count)
        if not len(found):
            return found, owner
        is_first = np.append(True, owner[1:] != owner[:-1])
        ends = self.place[self.closing(found, depth + 1)]
        before = np.where(is_first, self.place[opening[owner]], np.append(0, ends[:-1]) + 1)
        begin = self.place[found]
        begin = begin - (self.data[begin - 1] == _SPACE)
        is_last = np.append(is_first[1:], True)
        odd = (begin - 1 != before) | (self.data[self.place[found]] != _OPEN)
        odd |= ~is_first & (self.data[before] != _COMMA)
        odd |= is_last & (ends + 1 != self.place[closing[owner]])
        self.bad[line[owner[odd]]] = True
        return found, owner

    def names(self, members: Members, line: Ints) -> tuple[Ints, list[str]]:
        """The fields' names, as numbers in a list of them; lines where one stands twice in an object are bad."""
        start, end = (place[members.name].astype(np.int64) for place in (self.opens, self.closes))
        texts = self.words.views(start + 1, end).cast(pa.string())
        encoded = pc.dictionary_encode(texts)
        names, code = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        escaped = [place for place, name in enumerate(names) if "\\" in name]
        if escaped:
            self.bad[line[members.owner[np.isin(code, escaped)]]] = True
        twice = _twice(members.owner, code, len(names))
        self.bad[line[members.owner[twice]]] = True
        return code, names

    def kinds(self, start: Ints, end: Ints) -> npt.NDArray[np.uint8]:
        """Of which kind the values are that stand there."""
        found = _KINDS[self.data[start]]
        is_empty = (end - start == 2) & (found <= LIST)
        found[is_empty] = _EMPTY[found[is_empty]]
        return found

    def text_of(self, start: int, end: int) -> bytes:
        """The bytes from start to end."""
        return bytes(self.lines.block.data[start:end])

    def odd_numbers(self, line: Ints, first: Ints, last: Ints) -> Bools:
        """Which lines, by their place in `line`, have a number with an exponent, or of very many digits, outside of
        the brackets from first to last: such may be more than a number can hold, which is known when it is decoded.
        """
        begin, until = (np.searchsorted(self.opens, at[self.line[line]]) for at in (self.lines.start, self.lines.end))
        skipped = np.maximum(self.text[last] - 1, self.text[first])
        count = until - begin - (skipped - self.text[first])
        text = ranges(begin, count)
        owner = np.repeat(np.arange(len(line)), count)
        text += np.where(text >= self.text[first][owner], (skipped - self.text[first])[owner], 0)
        start = self.closes[text] + 1
        end = np.minimum(np.append(self.opens, 0)[text + 1], self.lines.end[self.line[line]][owner])
        end = np.where(text + 1 == until[owner], self.lines.end[self.line[line]][owner], end)
        wide = np.flatnonzero(end - start >= _LEAST_EXPONENT)
        size = (end - start)[wide]
        place = ranges(start[wide].astype(np.int64), size)
        is_odd = (self.data[place] | _SPACE == _E) & (self.data[place - 1] - _ZERO < 10)
        found = np.zeros(len(line), bool)
        found[np.repeat(owner[wide], size)[is_odd]] = True
        for at in wide[size >= _MOST_DIGITS].tolist():
            found[owner[at]] |= _LONG.search(self.text_of(int(start[at]), int(end[at]))) is not None
        return found


def batches(start: Ints, end: Ints) -> Iterator[tuple[int, int]]:
    """The first, and the one behind the last, of lines that a decoder can read together, for no other is between."""
    apart = np.append(start[1:] > end[:-1] + 2, True)[: len(start)]  # from the line behind
    borders = np.union1d(np.flatnonzero(apart) + 1, np.arange(0, len(start), _AT_ONCE))
    return pairwise(borders.tolist())


def _is_json(text: memoryview, count: int) -> bool:
    try:
        return len(_judge.decode_lines(text)) == count
    except (ValueError, RecursionError):
        return False


def _brackets(data: _Bytes, size: int) -> Any:
    """Where brackets are, in texts or outside of them."""
    found = [np.empty(0, np.int32)]
    folded, hit = np.empty(WINDOW, np.uint8), np.empty(WINDOW, bool)
    for offset in range(0, size, WINDOW):
        window = data[offset : min(offset + WINDOW, size)]
        some, is_one = folded[: len(window)], hit[: len(window)]
        np.bitwise_or(window, _SPACE, out=some)  # [ and ] become { and }
        np.subtract(some, _OPEN, out=some)
        np.bitwise_and(some, 0xFD, out=some)
        np.equal(some, 0, out=is_one)
        found.append((is_one.nonzero()[0] + offset).astype(np.int32))
    return np.concatenate(found)


def _twice(owner: Ints, code: Ints, codes: int) -> Ints:
    """Places of owners that have one of the codes twice."""
    if not len(owner):
        return owner
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    counts = np.diff(np.append(begins, len(owner)))
    if codes <= 64:
        seen = np.bitwise_or.reduceat(np.uint64(1) << code.astype(np.uint64), begins)
        return begins[np.bitwise_count(seen) != counts]
    both = np.sort(owner * codes + code)
    return np.searchsorted(owner, np.unique(both[1:][both[1:] == both[:-1]] // codes))
