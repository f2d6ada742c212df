"""Lines that each hold a chunk and its time (captured.py): shown as the chunks they hold, those alike all at once.

Where a line is not surely such an object it stays as it is, to be read with care.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.heads import LETTERS, kinds
from chatlogs.normalizing.scanning.structure import batches
from chatlogs.normalizing.scanning.words import Bools, Words
from chatlogs.normalizing.unwrapping.captured import Chunk, Frame, frame_of, inside, is_chunk
from chatlogs.reading.lines import NO_TRANSCRIPT, OBJECT, Ints, Lines
from chatlogs.values import is_duration

_SAMPLE = 8
_NEAR = 256  # bytes in which the chunk begins in lines that are looked at together
_FEW = 24  # lines are looked at one by one
_FRAMES = 8  # tried on lines that begin alike
_DATE = r"^\d{4}-\d\d-\d\d\D"
_ZERO, _NINE = ord("0"), 9

_Decode = Callable[[memoryview], list[Any]]
"""Lines in, for each an object that has its chunk."""


def show(lines: Lines, arrivals: dict[int, str]) -> None:
    """Let each line that holds such an object begin and end where its chunk does, and note the times."""
    chosen = np.flatnonzero((lines.kind == OBJECT) & (lines.transcript == NO_TRANSCRIPT))
    sample = chosen[:: max(1, len(chosen) // _SAMPLE)].tolist()
    if any(inside(lines.text(line)) is not None for line in sample):
        _Shown(lines, Words(lines.block), arrivals).show(chosen)


@dataclass
class _Shown:
    lines: Lines
    words: Words
    arrivals: dict[int, str]

    def show(self, chosen: Ints) -> None:
        for numbers in self._alike(chosen):
            for _ in range(_FRAMES):
                if len(numbers) <= _FEW:
                    break
                numbers = self._framed(numbers)
            for line in numbers.tolist():
                self._one(line)

    def _alike(self, chosen: Ints) -> Iterator[Ints]:
        """The lines, those together that begin alike up to the second brace."""
        start, end = self.lines.start[chosen], self.lines.end[chosen]
        until = np.minimum(end, start + _NEAR)
        brace = self.words.first(start + 1, until, ord("{"))
        near = brace < until
        yield from (chosen[at : at + 1] for at in np.flatnonzero(~near))
        of, first = kinds(self.words, start[near], brace[near] + 1, LETTERS)
        order = np.argsort(of, kind="stable")
        yield from np.split(chosen[near][order], np.searchsorted(of[order], np.arange(1, len(first))))

    def _one(self, line: int) -> None:
        found = inside(self.lines.text(line))
        if found is not None:
            start = self.lines.start[line]
            self.lines.start[line], self.lines.end[line] = start + found.begin, start + found.end
            if found.time is not None:
                self.arrivals[line] = found.time

    def _framed(self, numbers: Ints) -> Ints:
        """Show the lines that are framed like the first of them; the others come back."""
        frame = frame_of(self.lines.text(int(numbers[0])))
        if frame is None:
            return numbers[1:]
        framed = self._are_framed(numbers, frame)
        found, rest = numbers[framed], numbers[~framed]
        found = found[self._hold_chunks(found, frame.holder.decode())]
        if frame.time is not None:
            times = self._cells(found, frame.values[frame.time]).to_pylist()
            found = self._arrived(found, [time.strip(' \t"') for time in times])
        start, end = self.lines.start[found], self.lines.end[found]
        self.lines.start[found], self.lines.end[found] = start + frame.begin, end + frame.end
        return rest

    def _are_framed(self, numbers: Ints, frame: Frame) -> Bools:
        """Which of the lines, which all begin like the first of them, are framed like that."""
        start, end = self.lines.start[numbers], self.lines.end[numbers]
        behind = np.maximum(end + frame.end - 1, start + frame.begin)
        of, _ = kinds(self.words, behind, end, LETTERS)
        framed = (of == of[0]) & (end - behind == 1 - frame.end)
        data = self.words.data
        for begin, until in frame.names:
            place = (end if begin < 0 else start) + begin
            framed &= self.words.equal(place, bytes(data[place[0] : place[0] + until - begin]))
        for span in frame.values:
            framed &= self._are_alike(start, end, span)
        return framed

    def _are_alike(self, start: Ints, end: Ints, span: tuple[int, int]) -> Bools:
        """Where the value is a text, or a number with as many digits as the first one."""
        place = (end if span[0] < 0 else start) + span[0]
        data = np.frombuffer(self.words.data, np.uint8)
        if data[place[0]] == ord('"'):
            return np.ones(len(place), bool)
        rows = data[place[:, None] + np.arange(span[1] - span[0])]
        is_digit = rows - _ZERO <= _NINE  # unsigned: what stands before 0 is far above 9
        same = (is_digit & is_digit[0]) | (rows == rows[0])
        found: Bools = same.all(1) & (rows[:, 0] != _ZERO)
        return found

    def _hold_chunks(self, numbers: Ints, holder: str) -> Bools:
        """Which of the lines are JSON with a chunk under the name."""
        view, decode = memoryview(self.words.data), _decoder(holder)
        start, end = self.lines.start[numbers], self.lines.end[numbers]
        found = np.zeros(len(numbers), bool)
        for at, until in batches(start, end):
            held = _decoded(decode, view[start[at] : end[until - 1]], until - at)
            if held is None:
                each = zip(start[at:until].tolist(), end[at:until].tolist(), strict=True)
                held = [(_decoded(decode, view[begin:stop], 1) or [None])[0] for begin, stop in each]
            found[at:until] = [line is not None and is_chunk(line.chunk) for line in held]
        return found

    def _cells(self, numbers: Ints, span: tuple[int, int]) -> pa.Array:
        place = (self.lines.end if span[0] < 0 else self.lines.start)[numbers] + span[0]
        return self.words.views(place, place + span[1] - span[0])

    def _arrived(self, numbers: Ints, times: list[str]) -> Ints:
        """Note the times; those come back whose time is one."""
        if not pc.all(pc.match_substring_regex(pa.array(times, pa.string()), _DATE)).as_py():
            good = [not is_duration(time) for time in times]
            numbers, times = numbers[good], [time for time, is_time in zip(times, good, strict=True) if is_time]
        self.arrivals.update(zip(numbers.tolist(), times, strict=True))
        return numbers


@functools.lru_cache(maxsize=64)
def _decoder(holder: str) -> _Decode:
    line = msgspec.defstruct("Line", [("chunk", Chunk)], rename={"chunk": holder}, gc=False)
    return msgspec.json.Decoder(line).decode_lines


def _decoded(decode: _Decode, text: memoryview, count: int) -> list[Any] | None:
    """So many lines, decoded; None when they are not: also more may be there, for a line may hold two objects."""
    try:
        found = decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if len(found) == count else None
