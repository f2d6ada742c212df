"""Answers that a container's runtime cut into several lines: joined, and read as the one line that was printed.

The unit is what was printed: it counts once, where it begins. Where the parts together are no answer, they stay the
lines they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chatlogs.normalizing.careful import Found, Left, add, read_text
from chatlogs.normalizing.layout import UNFINISHED
from chatlogs.normalizing.records.oddlines import Ignorable
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.decoding import Reject
from chatlogs.reading.lines import NO_TRANSCRIPT, OBJECT, ODD, Ints, Lines
from chatlogs.reading.parts import PART_BYTES, Part, goes_on, part_of
from chatlogs.values import as_json

_BEGINS = ("{", "data:")
_LOST = "\ufffd"  # what Docker writes for each half of a character that it cuts
_OUTPUT, _BEHIND_TIMES = b"std", range(20, 37)
_DIGITS = (ord("0"), ord("9"))


def read(lines: Lines, found: Found) -> list[list[int]]:
    """Read what stands in several parts; returns the lines of each, which are read herewith."""
    taken: list[list[int]] = []
    for parts in _runs(lines):
        numbers = list(parts)
        if parts[numbers[-1]].goes_on:
            _leave_open(lines, numbers, found)
        elif not _read(lines, numbers[0], list(parts.values()), found):
            continue
        found.lines += 1 - len(numbers)
        taken.append(numbers)
    return taken


def _leave_open(lines: Lines, numbers: list[int], found: Found) -> None:
    """The log ends before the last part."""
    begin, end = int(lines.begin[numbers[0]]), int(lines.end[numbers[-1]])
    found.open = lines.block.offset + begin
    found.left.append(Left(numbers[0], found.open, bytes(lines.block.data[begin:end]), UNFINISHED))


def _read(lines: Lines, line: int, parts: list[Part], found: Found) -> bool:
    """Read the parts as one text; False, and nothing is read, where it holds no answer."""
    text, last = "".join(part.text for part in parts), parts[-1]
    if last.is_docker:
        text = as_json({"log": text, "stream": last.stream, "time": last.time})
    else:
        found.arrivals[line] = last.time
    offset = lines.block.offset + int(lines.begin[line])
    result, repaired = read_text(text.encode("utf-8", "surrogateescape"), line, offset, found)
    if isinstance(result, (Reject, Ignorable)):
        found.arrivals.pop(line, None)
        return False
    if any(before.text.endswith(_LOST) and after.text.startswith(_LOST) for before, after in pairwise(parts)):
        for piece in result.pieces:
            piece.flags.add("invalid_unicode")
    add(lines, line, result, repaired, found)
    return True


def _runs(lines: Lines) -> Iterator[dict[int, Part]]:
    """The parts of what may be an answer, by their lines."""
    after = -1
    for line in _may_begin(lines):
        if line > after and goes_on(lines.block.data, int(lines.begin[line]), int(lines.end[line])):
            parts, is_whole = _run(lines, line)
            after = max(parts, default=line)
            if is_whole:
                yield parts


def _run(lines: Lines, first: int) -> tuple[dict[int, Part], bool]:
    """The lines that go on with each other from the first on; and whether to the last part, or to the log's end.

    Where they do not, none of them begins what does.
    """
    parts: dict[int, Part] = {}
    for line in range(first, len(lines)):
        part = part_of(lines.raw(line))
        if part is None and parts and lines.is_cut(line):
            part = dataclasses.replace(parts[first], text="")  # whatever it will say, it is read with them then
        if part is None or part.stream != parts.get(first, part).stream:
            return parts, False
        if not parts and not part.text.lstrip().startswith(_BEGINS):
            return parts, False
        parts[line] = part
        if not part.goes_on:
            return parts, True
    return parts, lines.block.last


def _may_begin(lines: Lines) -> list[int]:
    """Lines that may be a part that others follow, by their first bytes and their length."""
    data = np.frombuffer(lines.block.data, np.uint8)
    first, third = data[lines.begin], data[lines.begin + 2]
    is_docker = (lines.kind == OBJECT) & (third == ord("l")) & (lines.end - lines.begin > PART_BYTES)
    is_cri = (lines.kind == ODD) & (first >= _DIGITS[0]) & (first <= _DIGITS[1])
    is_cri[is_cri] = _name_an_output(data, lines.begin[is_cri])
    return np.flatnonzero((is_docker | is_cri) & (lines.transcript == NO_TRANSCRIPT)).tolist()


def _name_an_output(data: npt.NDArray[np.uint8], begin: Ints) -> Bools:
    """Which of the lines that begin there name standard output, or error, behind a time."""
    named = np.zeros(len(begin), bool)
    for offset in _BEHIND_TIMES if len(begin) else ():
        some = np.flatnonzero(data[begin + offset] == _OUTPUT[0])
        at = begin[some] + offset
        named[some] |= (data[at + 1] == _OUTPUT[1]) & (data[at + 2] == _OUTPUT[2])
    return named
