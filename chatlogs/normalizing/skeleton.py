"""Chunk lines in, runs out: the text each chunk adds is cut out, and lines alike in all else become one run.

The lines of a stream differ in one string, the fragment they add. With that string (and the random
`obfuscation` beside it) cut out, a stream of a hundred lines leaves three or four distinct *skeletons*.
Only skeletons are parsed as JSON; the fragments of a run are joined as the JSON text they are, escapes
and all, so that a surrogate pair split over two chunks is whole again.

Cutting never guesses: the cut is at a key followed by an opening quote, up to the next unescaped quote.
Inside a JSON string a quote is always escaped, so such a key cannot be part of a text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, fields

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.reading.lines import OBJECT, Ints, Lines

# Stands in a skeleton where the text was. A private-use character: legal in JSON, absent from real text;
# a line that holds it is not cut.
MARK = "\ue0fd\ue0fe\ue0fd"

TEXT_KEYS = ("content", "reasoning_content", "reasoning", "arguments", "refusal")

_DELTA = (b'"delta":', b'"delta": ')
_PADDING = b'"obfuscation":'
_GUESSES = 48  # distinct distances tried before a search line by line
_ESCAPED = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL)
_WORD = 8
_LOOK_AHEAD = 64
_SAMPLE = 256


@dataclass
class Cut:
    """Where the cuts of each chosen line are: line numbers, and five borders head|text|middle|padding|tail."""

    line: Ints
    text_start: Ints
    text_end: Ints
    padding_start: Ints
    padding_end: Ints


def cut(lines: Lines) -> Cut:
    """The cuts of all lines that add text to a stream. Lines that are not here stay whole."""
    finder = _Finder(lines)
    chosen = np.flatnonzero(lines.kind == OBJECT)
    spaced = _is_spaced(lines, chosen)
    if spaced is None:
        chosen, spaced = chosen[:0], False
    # Nearly all lines of a stream have the text first in their delta: found at once, in one search.
    first = _DELTA[spaced] + (b'{"content": "' if spaced else b'{"content":"')
    start = finder.after(first, lines.start[chosen], lines.end[chosen])
    end = np.full(len(chosen), -1, np.int64)
    found = np.flatnonzero(start >= 0)
    end[found] = finder.closing_quote(start[found], lines.end[chosen[found]])
    rest = np.flatnonzero(end <= start)
    delta = np.full(len(chosen), -1, np.int64)
    delta[rest] = finder.after(_DELTA[spaced], lines.start[chosen[rest]], lines.end[chosen[rest]])
    has_delta = (delta >= 0) | (end > start)
    chosen, delta, start, end = chosen[has_delta], delta[has_delta], start[has_delta], end[has_delta]
    for key in TEXT_KEYS:
        todo = np.flatnonzero(end <= start)  # no text found yet, or an empty one
        pattern = f'"{key}":{" " if spaced else ""}"'.encode()
        found = finder.after(pattern, delta[todo], lines.end[chosen[todo]])
        todo, found = todo[found >= 0], found[found >= 0]
        start[todo] = found
        end[todo] = finder.closing_quote(found, lines.end[chosen[todo]])
    is_cut = end > start
    chosen, start, end = chosen[is_cut], start[is_cut], end[is_cut]
    padding_start, padding_end = _padding(finder, lines, chosen, end, spaced)
    return Cut(chosen, start, end, padding_start, padding_end)


def _is_spaced(lines: Lines, chosen: Ints) -> bool | None:
    """Whether this log writes a blank behind colons, as Python's json does; None when a sample has no chunk.

    A wrong guess costs time only: lines that are not cut are read whole.
    """
    for i in chosen[:: max(1, len(chosen) // _SAMPLE)].tolist():
        text = lines.text(i)
        if _DELTA[1] in text:
            return True
        if _DELTA[0] in text:
            return False
    return None


def _padding(finder: _Finder, lines: Lines, chosen: Ints, end: Ints, spaced: bool) -> tuple[Ints, Ints]:
    """Borders of the obfuscation string behind each text; empty, at the line's end, where there is none."""
    line_end = lines.end[chosen]
    if not _is_padded(lines):
        return line_end, line_end
    found = finder.after(b'"obfuscation": "' if spaced else b'"obfuscation":"', end, line_end)
    close = finder.closing_quote(np.where(found >= 0, found, line_end - 1), line_end)
    whole = (found >= 0) & (close >= found)
    return np.where(whole, found, line_end), np.where(whole, close, line_end)


def _is_padded(lines: Lines) -> bool:
    return lines.block.data.find(_PADDING) >= 0


def _repeats(lines: Lines, cuts: Cut, whole: Ints) -> Ints:
    """Padded lines that were logged twice, or may have been, as their padding comes before the text."""
    if not _is_padded(lines):
        return whole[:0]
    finder = _Finder(lines)
    early = cuts.line[finder.after(_PADDING, lines.start[cuts.line], cuts.text_start) >= 0]
    padded = whole[finder.after(_PADDING, lines.start[whole], lines.end[whole]) >= 0]
    texts = Counter((int(lines.transcript[i]), lines.text(i)) for i in padded.tolist())
    repeated = [i for i in padded.tolist() if texts[int(lines.transcript[i]), lines.text(i)] > 1]
    return np.union1d(early, np.array(repeated, np.int64))


class _Finder:
    """Finds patterns in many lines at once."""

    def __init__(self, lines: Lines) -> None:
        self.data = lines.block.data
        self.bytes = np.frombuffer(self.data, np.uint8)
        self.words = np.ndarray((len(self.data) - _WORD + 1,), dtype="<u8", buffer=self.data, strides=(1,))

    def after(self, pattern: bytes, start: Ints, end: Ints) -> Ints:
        """Where the text behind the pattern begins, searched from start to end; -1 where it is not.

        Lines of one log are alike: the distance at which one line has the pattern is tried on all the
        others, which costs two compares a line instead of a search.
        """
        found = np.full(len(start), -1, np.int64)
        left = np.arange(len(start))
        for _ in range(_GUESSES):
            left = self._drop_without(pattern, start, end, left)
            if not len(left):
                return found
            first = left[0]
            distance = self.data.find(pattern, start[first], end[first]) - start[first]
            place = start[left] + distance
            hit = (place + len(pattern) <= end[left]) & self._equals(np.minimum(place, len(self.words) - 1), pattern)
            hit[0] = True
            found[left[hit]] = place[hit] + len(pattern)
            left = left[~hit]
        for i in left.tolist():
            place = self.data.find(pattern, start[i], end[i])
            found[i] = place + len(pattern) if place >= 0 else -1
        return found

    def _drop_without(self, pattern: bytes, start: Ints, end: Ints, left: Ints) -> Ints:
        for window in range(0, len(left), _LOOK_AHEAD):
            ahead = left[window : window + _LOOK_AHEAD]
            borders = zip(start[ahead].tolist(), end[ahead].tolist(), strict=True)
            for skipped, (begin, stop) in enumerate(borders):
                if self.data.find(pattern, begin, stop) >= 0:
                    return left[window + skipped :]
        return left[:0]

    def _equals(self, place: Ints, pattern: bytes) -> npt.NDArray[np.bool_]:
        size = len(pattern)
        if size < _WORD:
            mask = np.uint64((1 << (8 * size)) - 1)
            return (self.words[place] & mask) == np.uint64(int.from_bytes(pattern, "little"))
        equal = np.ones(len(place), bool)
        for offset in {*range(0, size - _WORD + 1, _WORD), size - _WORD}:
            word = np.uint64(int.from_bytes(pattern[offset : offset + _WORD], "little"))
            equal &= self.words[np.minimum(place + offset, len(self.words) - 1)] == word
        return equal

    def closing_quote(self, start: Ints, end: Ints) -> Ints:
        """Where the string that begins at each start ends; -1 where it does not end in its line."""
        if not len(start):
            return start
        borders = np.empty(2 * len(start) + 1, np.int32)
        borders[0:-1:2], borders[1::2], borders[-1] = start, end, end[-1]
        spans = pa.LargeStringArray if len(self.data) >= 1 << 31 else pa.StringArray
        texts = spans.from_buffers(2 * len(start), pa.py_buffer(borders), pa.py_buffer(self.data))
        place = pc.find_substring(texts, pattern='"').to_numpy()[0::2].astype(np.int64)
        close = np.where(place >= 0, start + place, -1)
        escaped = np.flatnonzero((place > 0) & (self.bytes[np.maximum(close - 1, 0)] == 0x5C))
        for i in escaped.tolist():
            match = _ESCAPED.match(self.data, start[i], end[i])
            stop = match.end() if match else -1
            close[i] = stop if stop < end[i] else -1
        return close


def register(con: duckdb.DuckDBPyConnection, lines: Lines) -> tuple[bool, list[int]]:
    """Show the block's records to SQL: `cut_lines` in their parts, `whole_lines` as they are. No byte is copied.

    Whether any line has random padding comes back, and the lines that SQL does not see, as they may be repeats.
    """
    cuts = cut(lines)
    whole = np.setdiff1d(np.flatnonzero(lines.kind == OBJECT), cuts.line, assume_unique=True)
    aside = _repeats(lines, cuts, whole)
    if len(aside):
        kept = ~np.isin(cuts.line, aside)
        cuts = Cut(*(getattr(cuts, border.name)[kept] for border in fields(Cut)))
        whole = np.setdiff1d(whole, aside, assume_unique=True)
    line_end = lines.end[cuts.line]
    padded = bool(np.any(cuts.padding_start < line_end))
    no_text = pa.repeat(pa.scalar("", pa.string()), len(cuts.line))
    con.register(
        "cut_lines",
        pa.table(
            {
                "line": pa.array(cuts.line),
                "transcript": pa.array(lines.transcript[cuts.line]),
                "head": views(lines, lines.start[cuts.line], cuts.text_start),
                "fragment": views(lines, cuts.text_start, cuts.text_end),
                "middle": views(lines, cuts.text_end, cuts.padding_start),
                "padding": views(lines, cuts.padding_start, cuts.padding_end) if padded else no_text,
                "tail": views(lines, cuts.padding_end, line_end) if padded else no_text,
            }
        ),
    )
    con.register(
        "whole_lines",
        pa.table(
            {
                "line": pa.array(whole),
                "transcript": pa.array(lines.transcript[whole]),
                "skeleton": views(lines, lines.start[whole], lines.end[whole]),
            }
        ),
    )
    return padded, aside.tolist()


def views(lines: Lines, start: Ints, end: Ints) -> pa.Array:
    """Strings start:end of the block, without copying them."""
    data = lines.block.data
    narrow = np.ndarray((len(data) - 3,), dtype="<u4", buffer=data, strides=(1,))
    size = end - start
    view = np.empty((len(start), 4), np.uint32)
    view[:, 0] = size
    view[:, 1] = narrow[start]
    view[:, 2] = 0
    view[:, 3] = start
    if len(size) and size.min() <= _INLINE:
        short = np.flatnonzero(size <= _INLINE)
        _inline(view, short, start[short], size[short], narrow)
    return pa.Array.from_buffers(pa.string_view(), len(start), [None, pa.py_buffer(view), pa.py_buffer(data)])


def _inline(view: npt.NDArray[np.uint32], short: Ints, start: Ints, size: Ints, narrow: npt.NDArray[np.uint32]) -> None:
    """Short strings stand in their view, as three words; bytes behind their end are zero."""
    for word in range(3):
        left = np.clip(size - 4 * word, 0, 4)
        view[short, word + 1] = narrow[np.minimum(start + 4 * word, len(narrow) - 1)] & _LOW_BYTES[left]


_INLINE = 12
_LOW_BYTES = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], np.uint32)
