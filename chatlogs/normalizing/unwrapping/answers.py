"""Answers within wrappers in, lines of their own out: completions, the chunks of lists, the events of SSE texts.

They are lines where they stand in the block; only SSE texts, which wrappers hold with escapes, are decoded first.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import msgspec
import numpy as np

from chatlogs.normalizing.scanning.structure import NULL, Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.cells import ABSENT
from chatlogs.normalizing.unwrapping.places import ANSWER, CHOICES, Planned
from chatlogs.normalizing.unwrapping.plans import CHUNKS, EVENTS, STEPS_OF_ANSWERS
from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, PADDING, Block, Ints, Lines, scan

_MESSAGE = b'message"'
_COLON, _CR, _BRACE = 0x3A, 0x0D, 0x7D
_text = msgspec.json.Decoder(str).decode


@dataclass
class Part:
    """The answers of these rows as lines, and of how many chunks each is made: 0 for a completion."""

    rows: Ints
    chunks: Ints
    lines: Lines


class Answers:
    """The answers of planned lines. Lines become bad whose answers are not sure to be what their plans say."""

    def __init__(self, structure: Structure, planned: Planned) -> None:
        self._structure, self._planned = structure, planned
        self._cells = planned.cells[ANSWER]
        self._is_text = planned.each(lambda plan: plan.form == EVENTS) > 0
        self._check()
        self._row, self._start, self._end = self._in_lists(np.flatnonzero(planned.each(lambda p: p.form == CHUNKS)))
        self._row_of_event, self._events = self._in_texts(np.flatnonzero(self._is_text))

    def of(self, good: Bools) -> list[Part]:
        """The answers of the good rows: those that stand in the block of their lines, and those that were decoded."""
        found = []
        for rows, part in ((good & ~self._is_text, self._in_place), (good & self._is_text, self._decoded)):
            if rows.any():
                row, lines = part(rows)
                bodies, body = np.unique(row[row >= 0], return_inverse=True)
                lines.transcript[row >= 0], lines.bodies_closed = body, len(bodies)
                counts = np.bincount(row[row >= 0], minlength=len(rows))[rows]
                found.append(Part(np.flatnonzero(rows), counts, lines))
        return found

    def _in_place(self, rows: Bools) -> tuple[Ints, Lines]:
        """The completions of these rows, and their chunks, each with its row."""
        chunks = np.flatnonzero(rows[self._row])
        whole = rows.copy()
        whole[self._row[chunks]] = False
        start = np.append(self._cells.start[whole], self._start[chunks])
        end = np.append(self._cells.end[whole], self._end[chunks])
        row = np.append(np.full(len(start) - len(chunks), ABSENT), self._row[chunks])
        order = np.argsort(start, kind="stable")
        start, end, row = start[order], end[order], row[order]
        kind, transcript = np.full(len(row), OBJECT, np.uint8), np.full(len(row), NO_TRANSCRIPT, np.int32)
        block, clean = dataclasses.replace(self._structure.lines.block, last=False), np.ones(len(row), bool)
        return row, Lines(block, start, start, end, kind, transcript, clean, quotes=self._structure.quotes)

    def _decoded(self, rows: Bools) -> tuple[Ints, Lines]:
        """The events of these rows, each with its row."""
        keep = rows[self._row_of_event]
        return self._row_of_event[keep], self._events.where(keep)

    def _check(self) -> None:
        """No wrapper may look into an answer."""
        structure, line = self._structure, self._planned.line
        root = structure.root[line]
        first, last = (
            np.where(self._is_text, root, structure.at(place)) for place in (self._cells.start, self._cells.end - 1)
        )
        structure.bad[line[structure.odd_numbers(line, first, last)]] = True
        if CHOICES in self._planned.cells:
            choices = self._planned.cells[CHOICES]
            rows = np.flatnonzero(choices.start >= 0)
            messages = _texts(structure, _MESSAGE)
            before, behind = (np.searchsorted(messages, border[rows]) for border in (choices.start, choices.end))
            structure.bad[line[rows[before == behind]]] = True

    def _in_lists(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Where the chunks begin and end that are in the lists of these rows, and the row of each."""
        structure, line = self._structure, self._planned.line[rows]
        opening, owner = structure.elements(structure.at(self._cells.start[rows]), 2, line)
        members = structure.members(opening, 3, line[owner])
        code, names = structure.names(members, line[owner])
        has_choices = np.zeros(len(opening), bool)
        has_choices[members.owner[code == (names.index(CHOICES) if CHOICES in names else ABSENT)]] = True
        structure.bad[line[owner[~has_choices]]] = True
        steps = [number for number, name in enumerate(names) if name in STEPS_OF_ANSWERS]
        says_more = np.isin(code, steps) & (structure.kinds(members.start, members.end) != NULL)
        structure.bad[line[owner[members.owner[says_more]]]] = True
        ends = structure.place[structure.closing(opening, 3)] + 1
        return rows[owner], structure.place[opening].astype(np.int64), ends.astype(np.int64)

    def _in_texts(self, rows: Ints) -> tuple[Ints, Lines]:
        """The events that are in the texts of these rows, and the row of each."""
        view = memoryview(self._structure.lines.block.data)
        borders = zip(self._cells.start[rows].tolist(), self._cells.end[rows].tolist(), strict=True)
        texts = [_text(view[start:end]).encode() + b"\n" for start, end in borders]
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        size = int(ends[-1]) if len(ends) else 0
        block = Block("", b"".join([*texts, bytes(PADDING)]), size, last=False)
        lines = scan(block)
        row = np.searchsorted(ends, lines.begin, side="right")
        data = np.frombuffer(block.data, np.uint8)
        is_event = (lines.kind == OBJECT) & (lines.transcript != NO_TRANSCRIPT) & (data[lines.end - 1] == _BRACE)
        odd = _are_no_events(lines, row, is_event)
        returns = np.flatnonzero(data[:size] == _CR) if b"\r" in block.data else np.empty(0, np.int64)
        sound = np.bincount(row[is_event], minlength=len(rows)) > 0
        sound[row[odd]] = False
        sound[np.searchsorted(ends, returns, side="right")] = False
        self._structure.bad[self._planned.line[rows[~sound]]] = True
        return rows[row[is_event]], lines.where(is_event)


def _are_no_events(lines: Lines, row: Ints, is_event: Bools) -> Bools:
    """Lines of SSE texts that are neither events nor nothing, as comments are, and [DONE] behind the last event."""
    data = np.frombuffer(lines.block.data, np.uint8)
    last = np.full(int(row.max(initial=-1)) + 1, -1)
    last[row[is_event]] = np.flatnonzero(is_event)
    is_end = (lines.kind == IGNORABLE) & (lines.begin < lines.end) & (data[lines.start] == ord("["))
    is_end &= np.arange(len(row)) > last[row]
    return ~(is_event | is_end | (lines.begin == lines.end) | (data[lines.begin] == _COLON))


def _texts(structure: Structure, quoted: bytes) -> Ints:
    """Where the texts begin that are this one; it ends with the quote behind it."""
    places = structure.opens[structure.closes - structure.opens == len(quoted)]
    return places[structure.words.equal(places + 1, quoted)]
