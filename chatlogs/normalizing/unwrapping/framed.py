"""Lines of small objects that hold something each, those together in which it stands between the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.heads import LETTERS, kinds
from chatlogs.normalizing.scanning.words import Bools, Words
from chatlogs.normalizing.unwrapping.captured import NESTED, Frame
from chatlogs.reading.lines import Ints, Lines
from chatlogs.values import is_duration

_NEAR = 256  # bytes in which the byte stands by which lines are told apart
_FEW = 24  # lines that are not worth it
_FRAMES = 8  # tried on lines that begin alike
_DATE = r"^\d{4}-\d\d-\d\d\D"
_QUOTE, _OPEN, _ZERO, _NINE = ord('"'), ord("{"), ord("0"), 9


class Framed:
    """The lines of a block, as far as they are framed alike."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._words = lines, Words(lines.block)
        self._data = np.frombuffer(lines.block.data, np.uint8)

    def frames(
        self, chosen: Ints, byte: int, frame_of: Callable[[bytes], Frame | None]
    ) -> Iterator[tuple[Frame | None, Ints]]:
        """Frames, each with the lines that have it, and None with those that should be asked one by one.

        What stands before the held thing stands before the byte, which is not the first of its line.
        """
        for numbers in self._alike(chosen, byte):
            for _ in range(_FRAMES):
                if len(numbers) <= _FEW:
                    break
                frame = frame_of(self._lines.text(int(numbers[0])))
                alike = self._are_framed(numbers, frame) if frame is not None else np.arange(len(numbers)) == 0
                if frame is not None:
                    yield frame, numbers[alike]
                numbers = numbers[~alike]
            yield None, numbers

    def arrived(self, numbers: Ints, frame: Frame) -> tuple[Bools, list[str]]:
        """Which of the lines have a time of arrival in their frame, and these times; all of them, if it has none."""
        if frame.time is None:
            return np.ones(len(numbers), bool), []
        begin, end = frame.values[frame.time]
        place = (self._lines.end if begin < 0 else self._lines.start)[numbers] + begin
        written = pc.utf8_trim(self._words.views(place, place + end - begin).cast(pa.string()), ' \t"')
        if pc.all(pc.match_substring_regex(written, _DATE)).as_py():
            return np.ones(len(numbers), bool), written.to_pylist()
        times = written.to_pylist()
        good = np.array([not is_duration(time) for time in times], bool)
        return good, [time for time, is_time in zip(times, good.tolist(), strict=True) if is_time]

    def _alike(self, chosen: Ints, byte: int) -> Iterator[Ints]:
        """The lines, those together that begin alike up to the byte."""
        start, end = self._lines.start[chosen], self._lines.end[chosen]
        until = np.minimum(end, start + _NEAR)
        place = self._words.first(start + 1, until, byte)
        near = place < until
        yield chosen[~near]
        of, first = kinds(self._words, start[near], place[near] + 1, LETTERS)
        order = np.argsort(of, kind="stable")
        yield from np.split(chosen[near][order], np.searchsorted(of[order], np.arange(1, len(first))))

    def _are_framed(self, numbers: Ints, frame: Frame) -> Bools:
        """Which of the lines, which all begin like the first of them, are framed like that."""
        start, end = self._lines.start[numbers], self._lines.end[numbers]
        behind = np.maximum(end + frame.end - 1, start + frame.begin)
        of, _ = kinds(self._words, behind, end, LETTERS)
        framed = (of == of[0]) & (end - behind == 1 - frame.end)
        before, _ = kinds(self._words, start, np.minimum(start + frame.begin, end), LETTERS)
        framed &= before == before[0]
        for begin, until in frame.names:
            place = (end if begin < 0 else start) + begin
            framed &= self._words.equal(place, bytes(self._data[place[0] : place[0] + until - begin]))
        for span in frame.values:
            framed &= self._are_alike(start, end, span)
        return framed

    def _are_alike(self, start: Ints, end: Ints, span: tuple[int, int]) -> Bools:
        """Where the value is a text or an object, or a number with as many digits as the first one, or that value."""
        place = (end if span[0] < 0 else start) + span[0]
        if self._data[place[0]] == _QUOTE:
            return np.ones(len(place), bool)
        if self._data[place[0]] == _OPEN:
            texts = pc.dictionary_encode(self._words.views(place, place + span[1] - span[0]).cast(pa.string()))
            good = [NESTED.fullmatch(text.encode()) is not None for text in texts.dictionary.to_pylist()]
            return np.array(good, bool)[texts.indices.to_numpy()]
        rows = self._data[place[:, None] + np.arange(span[1] - span[0])]
        is_digit = rows - _ZERO <= _NINE  # unsigned: what stands before 0 is far above 9
        same: Bools = ((is_digit & is_digit[0]) | (rows == rows[0])).all(1)
        return same
