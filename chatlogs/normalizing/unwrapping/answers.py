"""Answers within wrappers in, lines of their own out: completions, the chunks of lists, the events of SSE texts.

They are lines where they stand in the block; only texts, which wrappers hold with escapes, are decoded first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from chatlogs.normalizing.folding.groups import NEVER
from chatlogs.normalizing.scanning.structure import Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping import listed
from chatlogs.normalizing.unwrapping.bodies import Bodies, of_held_lines, of_lines
from chatlogs.normalizing.unwrapping.listed import Items
from chatlogs.normalizing.unwrapping.places import ANSWER, CHOICES, Planned
from chatlogs.normalizing.unwrapping.plans import (
    CHUNKS,
    COMPLETION,
    EVENTS,
    FORMS,
    HELD_CHUNKS,
    HELD_LINES,
    LINES,
    TEXT,
    Plan,
    is_sure,
)
from chatlogs.normalizing.unwrapping.texts import in_one_line, lines_of, texts_of
from chatlogs.normalizing.unwrapping.times import moments
from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, Ints, Lines

_MESSAGE = b'message"'
_COLON, _BRACE = 0x3A, 0x7D


_Read = Callable[[Structure, Ints, int, Ints], Items]
"""Lists in, by their opening brackets, the depth that these open, and their lines: what they hold."""


@dataclass
class Part:
    """The answers of these rows as lines, and of how many chunks each is made: 0 for a completion.

    arrivals: when the chunks of lines came, as that is written.
    """

    rows: Ints
    chunks: Ints
    lines: Lines
    arrivals: dict[int, str]


@dataclass
class _Found:
    """Lines of answers, good or bad ones: the row of each, whether it is a chunk, and when it came, if it tells."""

    row: Ints
    is_chunk: Bools
    lines: Lines
    time: pa.StringArray | None = None

    def where(self, keep: Bools) -> _Found:
        """Those of the lines that are to be kept."""
        time = None if self.time is None else self.time.filter(pa.array(keep))
        return _Found(self.row[keep], self.is_chunk[keep], self.lines.where(keep), time)

    def arrivals(self) -> dict[int, str]:
        """When the lines came, by their numbers."""
        if self.time is None or self.time.null_count == len(self.time):
            return {}
        return {line: text for line, text in enumerate(self.time.to_pylist()) if text is not None}


class Answers:
    """The answers of planned lines. Lines become bad whose answers are not sure to be what their plans say.

    arrived: when the first chunk of each row came, in microseconds, and of which that is told.
    """

    def __init__(self, structure: Structure, planned: Planned) -> None:
        self._structure, self._planned = structure, planned
        self._cells = planned.cells[ANSWER]
        rows = {form: np.flatnonzero(planned.each(partial(_is_of, form))) for form in FORMS}
        self._check(np.isin(np.arange(len(planned)), [*rows[EVENTS], *rows[TEXT]]))
        self._found = [
            self._in_place(
                rows[COMPLETION],
                self._listed(rows[CHUNKS], listed.chunks),
                self._listed(rows[HELD_CHUNKS], listed.held_chunks),
            ),
            self._in_texts(rows[TEXT]),
            self._in_bodies(Bodies(rows[EVENTS], texts_of(self._cells.where(rows[EVENTS])))),
            self._in_bodies(self._bodies(rows[LINES], listed.texts, of_lines)),
            self._in_bodies(self._bodies(rows[HELD_LINES], listed.held_texts, of_held_lines)),
        ]
        self.arrived = self._arrived()

    def of(self, good: Bools) -> list[Part]:
        """The answers of the good rows: those that stand in the block of their lines, and those that were decoded."""
        parts = []
        for every in self._found:
            keep = good[every.row]
            if keep.any():
                found = every.where(keep)
                row, is_chunk, lines = found.row, found.is_chunk, found.lines
                bodies, body = np.unique(row[is_chunk], return_inverse=True)
                lines.transcript[is_chunk], lines.bodies_closed = body, len(bodies)
                rows = np.unique(row)
                count = np.bincount(row[is_chunk], minlength=len(good))[rows]
                parts.append(Part(rows, count, lines, found.arrivals()))
        return parts

    def _in_place(self, rows: Ints, *parts: Items) -> _Found:
        """The completions of these rows, and the chunks that are items, where they stand in the block."""
        row = np.concatenate([rows, *(items.owner for items in parts)])
        start = np.concatenate([self._cells.start[rows], *(items.start for items in parts)])
        end = np.concatenate([self._cells.end[rows], *(items.end for items in parts)])
        time = pa.chunked_array([pa.nulls(len(rows), pa.string()), *(items.time for items in parts)]).combine_chunks()
        order = np.argsort(start, kind="stable")
        row, start, end = row[order], start[order], end[order]
        is_chunk = order >= len(rows)
        kind, transcript = np.full(len(row), OBJECT, np.uint8), np.full(len(row), NO_TRANSCRIPT, np.int32)
        block, clean = dataclasses.replace(self._structure.lines.block, last=False), np.ones(len(row), bool)
        lines = Lines(block, start, start, end, kind, transcript, clean, quotes=self._structure.quotes)
        return _Found(row, is_chunk, lines, time.take(pa.array(order)))

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

    def _listed(self, rows: Ints, read: _Read) -> Items:
        """What the lists of these rows hold, as `read` finds it."""
        structure, line = self._structure, self._planned.line
        opening = structure.at(self._cells.start[rows])
        depths = structure.depth[opening]
        parts = []
        for depth in np.unique(depths).tolist():
            some = np.flatnonzero(depths == depth)
            items = read(structure, opening[some], depth, line[rows[some]])
            parts.append(dataclasses.replace(items, owner=rows[some[items.owner]]))
        return Items.joined(parts) if len(parts) > 1 else parts[0] if parts else Items.none()

    def _bodies(self, rows: Ints, read: _Read, bodies_of: Callable[[Items, Structure], Bodies]) -> Bodies:
        """The lines that the lists of these rows hold, as bodies."""
        bodies = bodies_of(self._listed(rows, read), self._structure)
        self._structure.bad[self._planned.line[bodies.odd]] = True
        return bodies

    def _in_texts(self, rows: Ints) -> _Found:
        """The completions that are the texts of these rows."""
        lines = lines_of(map(in_one_line, texts_of(self._cells.where(rows))))
        is_object = lines.kind == OBJECT
        self._structure.bad[self._planned.line[rows[~is_object]]] = True
        return _Found(rows[is_object], np.zeros(int(is_object.sum()), bool), lines.where(is_object))

    def _in_bodies(self, bodies: Bodies) -> _Found:
        """The events in SSE texts."""
        texts, of = bodies.texts, bodies.row
        ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
        lines = lines_of(texts)
        text = np.searchsorted(ends, lines.begin, side="right")
        row = of[text]
        data = np.frombuffer(lines.block.data, np.uint8)
        is_event = (lines.kind == OBJECT) & (lines.transcript != NO_TRANSCRIPT) & (data[lines.end - 1] == _BRACE)
        odd, is_end = _are_no_events(lines, row, is_event)
        count = np.bincount(row[is_event], minlength=len(self._planned))[of]
        sound = (count > 1) | ((count == 1) & (bodies.is_list | np.isin(of, row[is_end])))  # else an event of a stream
        sound &= ~np.isin(of, row[odd]) & np.array([b"\r" not in text for text in texts], bool)
        self._structure.bad[self._planned.line[of[~sound]]] = True
        time = None if bodies.time is None else bodies.time.take(pa.array(text[is_event]))
        return _Found(row[is_event], np.ones(int(is_event.sum()), bool), lines.where(is_event), time)

    def _arrived(self) -> tuple[Ints, Bools]:
        """When the first chunk of each row came, and of which that is told; those are bad of which only some tell."""
        first = np.full(len(self._planned), NEVER)
        for found in self._found:
            if found.time is None or found.time.null_count == len(found.time):
                continue
            at = moments(found.time).fill_null(NEVER).to_numpy()
            told, every = (np.bincount(row, minlength=len(first)) for row in (found.row[at != NEVER], found.row))
            self._structure.bad[self._planned.line[(told > 0) & (told < every)]] = True
            np.minimum.at(first, found.row, at)
        return first, first != NEVER


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
