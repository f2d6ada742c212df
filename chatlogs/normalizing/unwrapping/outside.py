"""Wrappers that are alike, read together: what stands around an answer, and where the answer begins and ends.

Nothing is decoded line by line: what stands in the same place of many lines is a column, and equal values are read
once. No line is taken of which not every word is sure.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.structure import EMPTY_LIST, LIST, NOTHING, NULL, Members, Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.beside import Taken
from chatlogs.normalizing.unwrapping.cells import ABSENT, Cells
from chatlogs.normalizing.unwrapping.conversations import conversations
from chatlogs.normalizing.unwrapping.facts import facts_of
from chatlogs.normalizing.unwrapping.places import ANSWER, CHOICES, MESSAGES, MODEL, PARTS, REQUEST, Places, Planned
from chatlogs.normalizing.unwrapping.plans import STEPS_OF_ANSWERS
from chatlogs.normalizing.unwrapping.requested import Parameters
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import NO_TRANSCRIPT, OBJECT, Ints, Lines

_MESSAGE = b'message"'
_MOST_SLICES = 64  # of a table; of more of them a copy is made
_SKEWED = frozenset({"clock_skew"})


@dataclass
class _Chunks:
    """Where the chunks of answers begin and end, and the row of each one's answer, in the order of the log."""

    row: Ints
    start: Ints
    end: Ints

    def where(self, keep: Bools) -> _Chunks:
        """Those that are to be kept."""
        return _Chunks(self.row[keep], self.start[keep], self.end[keep])


@dataclass
class Outside:
    """The shapes and parameters seen so far."""

    places: Places = field(default_factory=Places)
    parameters: Parameters = field(default_factory=Parameters)

    def take(self, lines: Lines, chosen: Ints, asked: Asked) -> Taken | None:
        """What the lines say of which every word is sure; None when there are none such."""
        structure = Structure(lines, chosen)
        planned = self.places.find(structure)
        if not len(planned):
            return None
        chunks = _check_answers(structure, planned)
        facts = {name: cells for name, cells in planned.cells.items() if name not in PARTS}
        said, skewed = facts_of(facts, len(planned))
        request, flagged, messages = self._requests(structure, planned)
        said |= request | {"metadata": pc.coalesce(request["metadata"], said["metadata"])}
        told = _conversations(messages)
        good = ~structure.bad[planned.line]
        if asked.requests:
            good &= ~pc.and_(said["custom_id"].is_valid(), said["request_model"].is_null()).to_numpy(False)
        flags = [planned.plans[of].flags for of in planned.of.tolist()]
        for rows, more in [*flagged, (np.flatnonzero(skewed), _SKEWED)]:
            for row in rows.tolist():
                flags[row] |= more
        rows = np.flatnonzero(good)
        if not len(rows):
            return None
        count = np.bincount(chunks.row, minlength=len(planned))[rows]
        if len(rows) < len(good):
            told = [_of_lines(of, structure.line[planned.line[rows]]) for of in told]
        return Taken(
            structure.line[planned.line[rows]].tolist(),
            count.tolist(),
            _answers(structure, planned.cells[ANSWER], good, chunks),
            np.append(0, np.cumsum(np.maximum(count, 1))[:-1]),
            {name: column.take(pa.array(rows)) for name, column in said.items()},
            [flags[row] for row in rows.tolist()],
            told,
        )

    def _requests(
        self, structure: Structure, planned: Planned
    ) -> tuple[dict[str, pa.Array], list[tuple[Ints, frozenset[str]]], Cells]:
        """What the requests say by column, flags of rows, and the messages, which may stand beside a request."""
        members = _members(structure, planned)
        code, names = structure.names(members, planned.line)
        is_messages = code == (names.index(MESSAGES) if MESSAGES in names else ABSENT)
        messages = _beside(structure, planned, members.where(is_messages))
        kinds = messages.kinds()
        structure.bad[planned.line[~np.isin(kinds, (NOTHING, NULL, LIST, EMPTY_LIST))]] = True
        given, rest = members.where(~is_messages), code[~is_messages]
        cells = Cells(structure, planned.line[given.owner], given.start, given.end)
        columns, flags = self.parameters.read(cells, given.owner, rest, names, len(planned))
        if MODEL in planned.cells:
            named = np.zeros(len(planned), bool)
            named[given.owner[rest == (names.index(MODEL) if MODEL in names else ABSENT)]] = True
            own = pc.if_else(pa.array(named), None, planned.cells[MODEL].texts())
            columns["request_model"] = pc.coalesce(columns["request_model"], own)
        return columns, flags, messages.where(kinds == LIST)


def _members(structure: Structure, planned: Planned) -> Members:
    """The parameters of all requests, in the order of the log; their owners are rows."""
    found = [Members(*(np.empty(0, np.int64) for _ in range(4)))]
    if REQUEST in planned.cells:
        start = planned.cells[REQUEST].start
        depth = planned.each(lambda plan: len(plan.request or ()) + 1)
        for at in np.unique(depth[start >= 0]).tolist():
            rows = np.flatnonzero((start >= 0) & (depth == at))
            members = structure.members(structure.at(start[rows]), at, planned.line[rows])
            members.owner = rows[members.owner]
            found.append(members)
    parts = zip(*((of.owner, of.name, of.start, of.end) for of in found), strict=True)
    every = Members(*(np.concatenate(part) for part in parts))
    return every.where(np.argsort(every.name, kind="stable")) if len(found) > 2 else every


def _beside(structure: Structure, planned: Planned, inside: Members) -> Cells:
    """The messages of each row: those in the request, else those beside it."""
    start, end = (np.full(len(planned), ABSENT) for _ in range(2))
    if MESSAGES in planned.cells:
        start, end = planned.cells[MESSAGES].start.copy(), planned.cells[MESSAGES].end.copy()
    start[inside.owner], end[inside.owner] = inside.start, inside.end
    return Cells(structure, planned.line, start, end)


def _conversations(lists: Cells) -> list[pa.Table]:
    structure = lists.structure
    depth = structure.depth[structure.at(lists.start)]
    return [conversations(lists.where(depth == at), at) for at in np.unique(depth).tolist()]


def _of_lines(messages: pa.Table, lines: Ints) -> pa.Table:
    """The rows that stand in these lines: slices of the table, unless that were many."""
    kept = np.isin(messages["piece"], lines)
    borders = np.flatnonzero(np.diff(kept, prepend=False, append=False)).tolist()
    if len(borders) > 2 * _MOST_SLICES:
        return messages.filter(kept)
    slices = [messages.slice(begin, end - begin) for begin, end in zip(borders[::2], borders[1::2], strict=True)]
    return pa.concat_tables([messages.slice(0, 0), *slices])


def _check_answers(structure: Structure, planned: Planned) -> _Chunks:
    """Mark lines as bad whose answers wrappers may look into; the chunks of rows that have lists of them."""
    answer = planned.cells[ANSWER]
    first, last = structure.at(answer.start), structure.at(answer.end - 1)
    structure.bad[planned.line[structure.odd_numbers(planned.line, first, last)]] = True
    if CHOICES in planned.cells:
        choices = planned.cells[CHOICES]
        rows = np.flatnonzero(choices.start >= 0)
        messages = _texts(structure, _MESSAGE)
        before, behind = (np.searchsorted(messages, border[rows]) for border in (choices.start, choices.end))
        structure.bad[planned.line[rows[before == behind]]] = True
    rows = np.flatnonzero(planned.each(lambda plan: plan.chunked))
    return _chunks(structure, planned.line[rows], rows, first[rows])


def _texts(structure: Structure, quoted: bytes) -> Ints:
    """Where the texts begin that are this one; it ends with the quote behind it."""
    places = structure.opens[structure.closes - structure.opens == len(quoted)]
    return places[structure.words.equal(places + 1, quoted)]


def _chunks(structure: Structure, line: Ints, rows: Ints, lists: Ints) -> _Chunks:
    """The chunks that are in the lists of these rows."""
    opening, owner = structure.elements(lists, 2, line)
    members = structure.members(opening, 3, line[owner])
    code, names = structure.names(members, line[owner])
    has_choices = np.zeros(len(opening), bool)
    has_choices[members.owner[code == (names.index(CHOICES) if CHOICES in names else ABSENT)]] = True
    structure.bad[line[owner[~has_choices]]] = True
    steps = [number for number, name in enumerate(names) if name in STEPS_OF_ANSWERS]
    says_more = np.isin(code, steps) & (structure.kinds(members.start, members.end) != NULL)
    structure.bad[line[owner[members.owner[says_more]]]] = True
    ends = structure.place[structure.closing(opening, 3)] + 1
    return _Chunks(rows[owner], structure.place[opening].astype(np.int64), ends.astype(np.int64))


def _answers(structure: Structure, answer: Cells, good: Bools, chunks: _Chunks) -> Lines:
    """The answers of the good rows as lines: a completion, or the chunks of a body that has ended."""
    chunks = chunks.where(good[chunks.row])
    whole = good.copy()
    whole[chunks.row] = False
    start, end = answer.start[whole], answer.end[whole]
    bodies, body = np.unique(chunks.row, return_inverse=True)
    order = np.argsort(np.append(start, chunks.start), kind="stable")
    begin = np.append(start, chunks.start)[order]
    return Lines(
        dataclasses.replace(structure.lines.block, last=False),
        begin,
        begin,
        np.append(end, chunks.end)[order],
        np.full(len(order), OBJECT, np.uint8),
        np.append(np.full(len(start), NO_TRANSCRIPT), body)[order].astype(np.int32),
        np.ones(len(order), bool),
        bodies_closed=len(bodies),
        quotes=structure.quotes,
    )
