"""Texts of SSE bodies within wrappers: one a wrapper, or its lines, which a program noted one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.scanning.structure import Structure
from chatlogs.normalizing.unwrapping.listed import Items
from chatlogs.normalizing.unwrapping.texts import text_of
from chatlogs.reading.lines import Ints

_OF_BODY = ("data:", ":")


@dataclass
class Bodies:
    """Texts, with the row that each is of, and when it came, if that is told.

    is_list: they come of lists, of which also one event is a stream. odd: rows that hold something else.
    """

    row: Ints
    texts: list[bytes]
    time: pa.StringArray | None = None
    is_list: bool = False
    odd: list[int] = field(default_factory=list)


def of_lines(items: Items, structure: Structure) -> Bodies:
    """What lists of texts hold, each as one body."""
    bodies = Bodies(np.empty(0, np.int64), [], is_list=True)
    rows = []
    for row, _, texts in _by_row(items, structure):
        body = _joined(texts)
        if body is None:
            bodies.odd.append(row)
        else:
            rows.append(row)
            bodies.texts.append(body.encode())
    bodies.row = np.array(rows, np.int64)
    return bodies


def of_held_lines(items: Items, structure: Structure) -> Bodies:
    """What lists of objects hold that have a text each, these texts with the times beside them."""
    bodies = Bodies(np.empty(0, np.int64), [], is_list=True)
    kept: list[int] = []
    for row, first, texts in _by_row(items, structure):
        if _are_lines(texts):
            bodies.texts += [_event(text).encode() for text in texts]
            kept += range(first, first + len(texts))
        else:
            bodies.odd.append(row)
    bodies.row, bodies.time = items.owner[kept], items.time.take(pa.array(kept, pa.int64()))
    return bodies


def _by_row(items: Items, structure: Structure) -> Iterator[tuple[int, int, list[str]]]:
    """Each row of which something is sure, with its first item and the texts of all; [] where one cannot be read."""
    view = memoryview(structure.lines.block.data)
    start, end = items.start.tolist(), items.end.tolist()
    borders = np.flatnonzero(np.diff(items.owner, prepend=-1, append=-1)).tolist()
    for first, behind in pairwise(borders):
        try:
            texts = [text_of(view[at:until]) for at, until in zip(start[first:behind], end[first:behind], strict=True)]
            "".join(texts).encode()
        except (msgspec.DecodeError, UnicodeError):
            texts = []
        yield int(items.owner[first]), first, texts


def _joined(texts: Sequence[str]) -> str | None:
    """The body that the texts make up, as `payloads` puts them together."""
    if all(map(_is_object, texts)):
        return "\n".join(map(_event, texts)) or None
    if not texts[0].startswith("data:"):
        return None
    return ("" if any("\n" in text for text in texts) else "\n\n").join(texts)


def _are_lines(texts: Sequence[str]) -> bool:
    """Whether each of them is a line, or several, of a body, or all are objects."""
    if all(map(_is_object, texts)):
        return bool(texts)
    if not texts[0] or not all(text.startswith(_OF_BODY) or not text for text in texts):
        return False  # by the first of them a list is known
    return all(text.endswith("\n") for text in texts) or not any("\n" in text for text in texts)


def _is_object(text: str) -> bool:
    return text.startswith("{") and "\n" not in text


def _event(text: str) -> str:
    return f"data: {text}" if text.startswith("{") else text
