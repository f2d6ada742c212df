"""What curl and HTTPie print of HTTP around a body says nothing alone: heads, and what curl tells of its connection.

None of it is kept, for headers hold credentials. Only the status of a call that failed goes to its error.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatlogs.normalizing.careful import Found
from chatlogs.normalizing.records.piece import Piece
from chatlogs.reading.http import END, FAREWELL, HEADER, NOISE, START
from chatlogs.reading.lines import BLANK, Lines


def take(lines: Lines, found: Found) -> dict[int, int]:
    """Pass over the rejected lines that are HTTP's; the statuses of its heads, by the line behind that says more."""
    heads = list(_heads(lines, found))
    passed = {line for begin, end, _ in heads for line in range(begin, end) if line in found.rejects}
    noise = [line for line in sorted(found.rejects) if NOISE.fullmatch(lines.raw(line))]
    passed.update(line for line in noise if FAREWELL.fullmatch(lines.raw(line)))
    for step, order in ((-1, noise), (1, noise[::-1])):
        for line in order:
            if line + step in passed:
                passed.add(line)
    for line in passed:
        del found.rejects[line]
    found.ignorable |= passed
    statuses = {}
    for _, end, status in heads:
        while end < len(lines) and (end in passed or lines.kind[end] == BLANK):
            end += 1
        statuses[end] = status
    return statuses


def tell(statuses: dict[int, int], found: Found) -> None:
    """Give the errors behind these heads their statuses."""
    for placed in found.pieces if statuses else ():
        status, piece = statuses.get(placed.piece.line_number, 0), placed.piece
        if 400 <= status < 600 and piece.status_code is None and _is_error(piece):
            piece.status_code = status


def _is_error(piece: Piece) -> bool:
    return not piece.choices and bool(piece.error_code or piece.error_type or piece.error_message)


def _heads(lines: Lines, found: Found) -> Iterator[tuple[int, int, int]]:
    """Each head's first line, the line behind it, and its status: 0 of a request. One has headers, and an end."""
    end = 0
    for line in sorted(found.rejects):
        start = START.fullmatch(lines.raw(line)) if line >= end else None
        if start is None:
            continue
        end = line + 1
        while end in found.rejects and HEADER.fullmatch(lines.raw(end)):
            end += 1
        is_ended = end == len(lines) or END.fullmatch(lines.raw(end))
        if end > line + 1 and is_ended:
            yield line, min(end + 1, len(lines)), int(start["status"] or 0)
