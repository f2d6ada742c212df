"""Padded lines that were logged twice, told from fragments that are equal by chance.

A line that comes again with the same random padding is a copy of the first one. A stream that comes again from its
first line on is a copy of a response, and is counted as such, not taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeVar

from chatlogs.normalizing.records.piece import Piece

_PADDED = re.compile(rb'"obfuscation":\s*"([^"\\]+)"')
_LONG = 4  # so much random padding does not come twice by chance


class _Line(Protocol):
    """A piece, the body it stands in, its stream, and its line if that is padded."""

    piece: Piece
    transcript: int
    padded: bytes | None

    @property
    def stream(self) -> str: ...


_Placed = TypeVar("_Placed", bound=_Line)


def has_padding(text: bytes) -> bool:
    """Whether the line holds any random padding."""
    return _PADDED.search(text) is not None


def is_padded(text: bytes) -> bool:
    """Whether random padding tells the line from one that says the same."""
    padding = _PADDED.search(text)
    return padding is not None and len(padding[1]) >= _LONG


def repeated(placed: Iterable[_Line]) -> set[tuple[int, bytes]]:
    """The padded lines that stand twice in their body, or outside of all."""
    lines = {(p.transcript, p.padded, p.piece.line_number) for p in placed if p.padded is not None}
    times = Counter((transcript, text) for transcript, text, _ in lines)
    return {said for said, count in times.items() if count > 1}


def logged_once(placed: list[_Placed]) -> list[_Placed]:
    """The pieces without those of lines that were logged twice: random padding tells such from equal fragments.

    A stream that has ended may have been logged a second time as a whole, from its first line on. That is a copy of a
    response, and all its lines are left in.
    """
    twice = repeated(placed)
    if not twice:
        return placed
    kept: list[_Placed] = []
    first: dict[str, bytes] = {}
    seen: dict[str, dict[bytes, int]] = {}
    ended: set[str] = set()
    for p in placed:
        stream, line = p.stream, p.piece.line_number
        texts = seen.setdefault(stream, {})
        if p.padded is not None and (p.transcript, p.padded) in twice:
            if stream in ended and first.get(stream) == p.padded and texts.get(p.padded, line) != line:
                texts.clear()
                ended.discard(stream)
            elif texts.setdefault(p.padded, line) != line and is_padded(p.padded):
                continue
            texts[p.padded] = line
        if p.padded is not None:
            first.setdefault(stream, p.padded)
        if any(choice.finish_reason for choice in p.piece.choices.values()):
            ended.add(stream)
        kept.append(p)
    return kept
