"""Lines that each hold a chunk and its time (captured.py): shown as the chunks they hold, those alike all at once.

Where a line is not surely such an object it stays as it is, to be read with care.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from chatlogs.normalizing.scanning.structure import batches
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.captured import Chunk, frame_of, inside, is_chunk
from chatlogs.normalizing.unwrapping.framed import Framed
from chatlogs.reading.exported import TYPED
from chatlogs.reading.lines import NO_TRANSCRIPT, OBJECT, Ints, Lines

_SAMPLE = 8

Decode = Callable[[memoryview], list[Any]]
"""Lines in, for each an object that has what it holds."""


def show(lines: Lines, arrivals: dict[int, str]) -> None:
    """Let each line that holds such an object begin and end where its chunk does, and note the times."""
    chosen = np.flatnonzero((lines.kind == OBJECT) & (lines.transcript == NO_TRANSCRIPT))
    sample = chosen[:: max(1, len(chosen) // _SAMPLE)].tolist()
    if all(inside(lines.text(line)) is None for line in sample):
        return
    framed = Framed(lines)
    for frame, numbers in framed.frames(chosen, ord("{"), frame_of):
        if frame is None:
            for line in numbers.tolist():
                _show_one(lines, line, arrivals)
            continue
        found = numbers[_hold_chunks(lines, numbers, frame.holder.decode())]
        if frame.may_be_typed:
            found = found[[TYPED not in lines.text(line) for line in found.tolist()]]
        good, times = framed.arrived(found, frame)
        found = found[good]
        arrivals.update(zip(found.tolist(), times, strict=bool(times)))
        start, end = lines.start[found], lines.end[found]
        lines.start[found], lines.end[found] = start + frame.begin, end + frame.end


def _show_one(lines: Lines, line: int, arrivals: dict[int, str]) -> None:
    found = inside(lines.text(line))
    if found is not None:
        start = lines.start[line]
        lines.start[line], lines.end[line] = start + found.begin, start + found.end
        if found.time is not None:
            arrivals[line] = found.time


def _hold_chunks(lines: Lines, numbers: Ints, holder: str) -> Bools:
    """Which of the lines are JSON with a chunk under the name."""
    held = decoded(lines, numbers, _decoder(holder))
    return np.array([line is not None and is_chunk(line.chunk) for line in held], bool)


@functools.lru_cache(maxsize=64)
def _decoder(holder: str) -> Decode:
    line = msgspec.defstruct("Line", [("chunk", Chunk)], rename={"chunk": holder}, gc=False)
    return msgspec.json.Decoder(line).decode_lines


def decoded(lines: Lines, numbers: Ints, decode: Decode) -> list[Any]:
    """What each of the lines holds; None for those that do not."""
    view = memoryview(lines.block.data)
    start, end = lines.start[numbers], lines.end[numbers]
    found: list[Any] = []
    for at, until in batches(start, end):
        some = _decoded(decode, view[start[at] : end[until - 1]], until - at)
        if some is None:
            each = zip(start[at:until].tolist(), end[at:until].tolist(), strict=True)
            some = [(_decoded(decode, view[begin:stop], 1) or [None])[0] for begin, stop in each]
        found += some
    return found


def _decoded(decode: Decode, text: memoryview, count: int) -> list[Any] | None:
    """So many lines, decoded; None when they are not: also more may be there, for a line may hold two objects."""
    try:
        found = decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if len(found) == count else None
