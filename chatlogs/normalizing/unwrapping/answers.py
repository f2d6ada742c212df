"""Answers within wrappers in, lines of their own out: completions, the chunks of lists, the events of SSE texts.

They are lines where they stand in the block; only texts, which wrappers hold with escapes, are decoded first.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial

import numpy as np

from chatlogs.normalizing.scanning.structure import NULL, Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.cells import ABSENT
from chatlogs.normalizing.unwrapping.places import ANSWER, CHOICES, Planned
from chatlogs.normalizing.unwrapping.plans import (
    CHUNKS,
    COMPLETION,
    EVENTS,
    FORMS,
    STEPS_OF_ANSWERS,
    TEXT,
    Plan,
    is_sure,
)
from chatlogs.normalizing.unwrapping.texts import in_one_line, lines_of, texts_of
from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, Ints, Lines

_MESSAGE = b'message"'
_COLON, _BRACE = 0x3A, 0x7D


@dataclass
class Part:
    """The answers of these rows as lines, and of how many chunks each is made: 0 for a completion."""

    rows: Ints
    chunks: Ints
    lines: Lines


@dataclass
class _Found:
    """Lines of answers, good or bad ones: the row of each, and whether it is a chunk."""

    row: Ints
    is_chunk: Bools
    lines: Lines


class Answers:
    """The answers of planned lines. Lines become bad whose answers are not sure to be what their plans say."""

    def __init__(self, structure: Structure, planned: Planned) -> None:
        self._structure, self._planned = structure, planned
        self._cells = planned.cells[ANSWER]
        rows = {form: np.flatnonzero(planned.each(partial(_is_of, form))) for form in FORMS}
        self._check(np.isin(np.arange(len(planned)), [*rows[EVENTS], *rows[TEXT]]))
        self._found = [
            self._in_place(rows[COMPLETION], *self._in_lists(rows[CHUNKS])),
            self._in_texts(rows[TEXT]),
            self._in_events(rows[EVENTS]),
        ]

    def of(self, good: Bools) -> list[Part]:
        """The answers of the good rows: those that stand in the block of their lines, and those that were decoded."""
        parts = []
        for found in self._found:
            keep = good[found.row]
            if keep.any():
                row, is_chunk, lines = found.row[keep], found.is_chunk[keep], found.lines.where(keep)
                bodies, body = np.unique(row[is_chunk], return_inverse=True)
                lines.transcript[is_chunk], lines.bodies_closed = body, len(bodies)
                rows = np.unique(row)
                parts.append(Part(rows, np.bincount(row[is_chunk], minlength=len(good))[rows], lines))
        return parts

    def _in_place(self, rows: Ints, row: Ints, start: Ints, end: Ints) -> _Found:
        """The completions of these rows, and chunks: the row of each, and where it begins and ends."""
        is_chunk = np.append(np.zeros(len(rows), bool), np.ones(len(row), bool))
        row = np.append(rows, row)
        start, end = np.append(self._cells.start[rows], start), np.append(self._cells.end[rows], end)
        order = np.argsort(start, kind="stable")
        start, end = start[order], end[order]
        kind, transcript = np.full(len(row), OBJECT, np.uint8), np.full(len(row), NO_TRANSCRIPT, np.int32)
        block, clean = dataclasses.replace(self._structure.lines.block, last=False), np.ones(len(row), bool)
        lines = Lines(block, start, start, end, kind, transcript, clean, quotes=self._structure.quotes)
        return _Found(row[order], is_chunk[order], lines)

    def _check(self, is_text: Bools) -> None:
        """No wrapper may look into an answer that is no text."""
        structure, line = self._structure, self._planned.line
        root = structure.root[line]
        first, last = (
            np.where(is_text, root, structure.at(place)) for place in (self._cells.start, self._cells.end - 1)
        )
        structure.bad[line[structure.odd_numbers(line, first, last)]] = True
        for row in np.flatnonzero(self._planned.each(_is_unnamed)).tolist():
            if not is_sure(structure.lines.text(structure.line[line[row]])):
                structure.bad[line[row]] = True
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

    def _in_texts(self, rows: Ints) -> _Found:
        """The completions that are the texts of these rows."""
        lines = lines_of(map(in_one_line, texts_of(self._cells.where(rows))))
        is_object = lines.kind == OBJECT
        self._structure.bad[self._planned.line[rows[~is_object]]] = True
        return _Found(rows[is_object], np.zeros(int(is_object.sum()), bool), lines.where(is_object))

    def _in_events(self, rows: Ints) -> _Found:
        """The events that are in the texts of these rows."""
        texts = texts_of(self._cells.where(rows))
        ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
        lines = lines_of(texts)
        row = np.searchsorted(ends, lines.begin, side="right")
        data = np.frombuffer(lines.block.data, np.uint8)
        is_event = (lines.kind == OBJECT) & (lines.transcript != NO_TRANSCRIPT) & (data[lines.end - 1] == _BRACE)
        odd, is_end = _are_no_events(lines, row, is_event)
        count = np.bincount(row[is_event], minlength=len(rows))
        sound = (count > 1) | ((count == 1) & np.isin(np.arange(len(rows)), row[is_end]))  # else an event of a stream
        sound[row[odd]] = False
        sound &= np.array([b"\r" not in text for text in texts], bool)
        self._structure.bad[self._planned.line[rows[~sound]]] = True
        return _Found(rows[row[is_event]], np.ones(int(is_event.sum()), bool), lines.where(is_event))


def _is_unnamed(plan: Plan) -> bool:
    return not plan.named


def _is_of(form: str, plan: Plan) -> bool:
    return plan.form == form


def _are_no_events(lines: Lines, row: Ints, is_event: Bools) -> tuple[Bools, Bools]:
    """Lines of SSE texts that are neither events nor nothing, as comments are, or [DONE] behind the last, and those."""
    data = np.frombuffer(lines.block.data, np.uint8)
    last = np.full(int(row.max(initial=-1)) + 1, -1)
    last[row[is_event]] = np.flatnonzero(is_event)
    is_end = (lines.kind == IGNORABLE) & (lines.begin < lines.end) & (data[lines.start] == ord("["))
    is_end &= np.arange(len(row)) > last[row]
    return ~(is_event | is_end | (lines.begin == lines.end) | (data[lines.begin] == _COLON)), is_end


def _texts(structure: Structure, quoted: bytes) -> Ints:
    """Where the texts begin that are this one; it ends with the quote behind it."""
    places = structure.opens[structure.closes - structure.opens == len(quoted)]
    return places[structure.words.equal(places + 1, quoted)]
