"""Wrappers that are alike, read together: what stands around an answer, and where the answer begins and ends.

Nothing is decoded line by line: what stands in the same place of many lines is a column, and equal values are read
once. No line is taken of which not every word is sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.records.requests import with_metadata
from chatlogs.normalizing.scanning.structure import EMPTY_LIST, LIST, NOTHING, NULL, Members, Structure
from chatlogs.normalizing.unwrapping.answers import Answers
from chatlogs.normalizing.unwrapping.beside import Taken
from chatlogs.normalizing.unwrapping.cells import ABSENT, Cells, taken
from chatlogs.normalizing.unwrapping.conversations import conversations
from chatlogs.normalizing.unwrapping.facts import facts_of
from chatlogs.normalizing.unwrapping.places import (
    ANSWER,
    MAY_BE_CHOICES,
    MESSAGES,
    MODEL,
    PARAMETER,
    PARTS,
    REQUEST,
    Places,
    Planned,
    listed_in,
)
from chatlogs.normalizing.unwrapping.plans import PLACE_IN_REQUESTS, STEPS_OF_REQUESTS
from chatlogs.normalizing.unwrapping.requested import Parameters
from chatlogs.normalizing.unwrapping.texts import in_one_line, lines_of, texts_of
from chatlogs.reading.asked import Asked
from chatlogs.reading.exported import TYPED
from chatlogs.reading.lines import OBJECT, Ints, Lines

_MOST_SLICES = 64  # of a table; of more of them a copy is made
_SKEWED = frozenset({"clock_skew"})
_Requests = tuple[dict[str, pa.Array], list[tuple[Ints, frozenset[str]]], list[pa.Table]]
"""What requests say by column, flags of rows, and rows of messages."""


@dataclass
class Outside:
    """The shapes and parameters seen so far."""

    places: Places = field(default_factory=Places)
    parameters: Parameters = field(default_factory=Parameters)

    def take(self, lines: Lines, chosen: Ints, asked: Asked) -> list[Taken]:
        """What the lines say of which every word is sure: those that hold events apart from the others."""
        structure = Structure(lines, chosen)
        _set_typed_aside(structure)
        planned = self.places.find(structure)
        return self._take(structure, planned, asked) if len(planned) else []

    def take_lists(self, lines: Lines, chosen: Ints, asked: Asked) -> list[Taken]:
        """The same of lines that are lists, of which some are lists of chunks."""
        structure = Structure(lines, chosen)
        _set_typed_aside(structure)
        planned = listed_in(structure)
        return [] if planned is None else self._take(structure, planned, asked)

    def _take(self, structure: Structure, planned: Planned, asked: Asked) -> list[Taken]:
        _set_others_aside(structure, planned)
        answers = Answers(structure, planned)
        others = (*PARTS, *_parameters(planned))
        facts = {name: cells for name, cells in planned.cells.items() if name not in others}
        said, skewed = facts_of(facts, len(planned), answers.arrived)
        structure.bad[planned.line[skewed & answers.arrived[1]]] = True
        request, flagged, told = self._requests(structure, planned, _members(structure, planned))
        if planned.each(lambda plan: plan.asks_in_text).any():
            in_texts = self._requests_in_texts(structure, planned)
            request = {name: pc.coalesce(column, in_texts[0][name]) for name, column in request.items()}
            flagged, told = flagged + in_texts[1], told + in_texts[2]
        both = {"metadata": _both(request["metadata"], said["metadata"]),
                "stream": pc.coalesce(request["stream"], said["stream"])}  # fmt: skip
        said |= request | both
        good = ~structure.bad[planned.line]
        if asked.requests:
            good &= ~pc.and_(said["custom_id"].is_valid(), said["request_model"].is_null()).to_numpy(False)
        flags = [planned.plans[of].flags for of in planned.of.tolist()]
        for rows, more in [*flagged, (np.flatnonzero(skewed), _SKEWED)]:
            for row in rows.tolist():
                flags[row] |= more
        return [
            Taken(
                (line := structure.line[planned.line[part.rows]]).tolist(),
                part.chunks.tolist(),
                part.lines,
                {name: column.take(pa.array(part.rows)) for name, column in said.items()},
                [flags[row] for row in part.rows.tolist()],
                [_of_lines(of, line) for of in told],
                part.arrivals,
            )
            for part in answers.of(good)
        ]

    def _requests(self, structure: Structure, planned: Planned, members: Members) -> _Requests:
        """What is said of requests by these parameters, and by what stands beside them; their owners are rows."""
        code, names = structure.names(members, planned.line)
        is_messages = code == (names.index(MESSAGES) if MESSAGES in names else ABSENT)
        messages = _beside(structure, planned, members.where(is_messages))
        kinds = messages.kinds()
        structure.bad[planned.line[~np.isin(kinds, (NOTHING, NULL, LIST, EMPTY_LIST))]] = True
        given, rest, names = _with_those_beside(planned, members.where(~is_messages), code[~is_messages], names)
        cells = Cells(structure, planned.line[given.owner], given.start, given.end)
        columns, flags = self.parameters.read(cells, given.owner, rest, names, len(planned))
        if MODEL in planned.cells:
            named = np.zeros(len(planned), bool)
            named[given.owner[rest == (names.index(MODEL) if MODEL in names else ABSENT)]] = True
            own = pc.if_else(pa.array(named), None, planned.cells[MODEL].texts())
            columns["request_model"] = pc.coalesce(columns["request_model"], own)
        return columns, flags, _conversations(messages.where(kinds == LIST))

    def _requests_in_texts(self, structure: Structure, planned: Planned) -> _Requests:
        """The same of requests that are the JSON text of an object."""
        rows = np.flatnonzero(planned.each(lambda plan: plan.asks_in_text))
        lines = lines_of(map(in_one_line, texts_of(planned.cells[REQUEST].where(rows))))
        inner = Structure(lines, np.flatnonzero(lines.kind == OBJECT))
        every = np.arange(len(inner.line))
        members = inner.members(inner.root, 1, every)
        code, names = inner.names(members, every)
        steps = [number for number, name in enumerate(names) if name in STEPS_OF_REQUESTS]
        inner.bad[members.owner[np.isin(code, steps)]] = True
        inner.bad[np.bincount(members.owner, minlength=len(every)) == 0] = True
        columns, flags, told = self._requests(inner, Planned(every, np.zeros_like(every), [], {}), members)
        place, row = np.full(len(planned), ABSENT), rows[inner.line]
        place[row] = every
        good = np.isin(rows, row[~inner.bad])
        structure.bad[planned.line[rows[~good]]] = True
        number = structure.line[planned.line[rows]]
        return (
            {name: taken(column, place) for name, column in columns.items()},
            [(row[of], more) for of, more in flags],
            [_renumbered(table, number) for table in told],
        )


def _set_typed_aside(structure: Structure) -> None:
    """Leave lines of a database that writes numbers as objects to be read alone."""
    texts = structure.opens[structure.data[structure.opens + 1] == TYPED[1]].astype(np.int64)
    texts = texts[structure.words.equal(texts, TYPED)]
    of = np.searchsorted(structure.lines.start[structure.line], texts, side="right") - 1
    structure.bad[of[of >= 0]] = True


def _set_others_aside(structure: Structure, planned: Planned) -> None:
    """Leave lines to be read alone that may hold another answer, where neither theirs nor what was asked stands."""
    block = structure.lines.block
    hits = np.fromiter((hit.start() for hit in MAY_BE_CHOICES.finditer(block.data, 0, block.size)), np.int64)
    for cells in (planned.cells[name] for name in (ANSWER, REQUEST, MESSAGES) if name in planned.cells):
        start, end = (np.sort(border[cells.start >= 0]) for border in (cells.start, cells.end))
        hits = hits[np.searchsorted(start, hits, side="right") == np.searchsorted(end, hits, side="right")]
    begin, end = (border[structure.line] for border in (structure.lines.start, structure.lines.end))
    of = np.searchsorted(begin, hits, side="right") - 1
    structure.bad[of[(of >= 0) & (hits < end[of])]] = True


def _both(own: pa.Array, more: pa.Array) -> pa.Array:
    """Metadata of requests with those of what stands around them."""
    twice = np.flatnonzero(pc.and_(own.is_valid(), more.is_valid()).to_numpy(zero_copy_only=False))
    found = pc.coalesce(own, more)
    if not len(twice):
        return found
    pairs = zip(own.take(pa.array(twice)).to_pylist(), more.take(pa.array(twice)).to_pylist(), strict=True)
    values = found.to_pylist()
    for row, (mine, others) in zip(twice.tolist(), pairs, strict=True):
        values[row] = with_metadata(mine, others)
    return pa.array(values, found.type)


def _members(structure: Structure, planned: Planned) -> Members:
    """The parameters of all requests, in the order of the log; their owners are rows."""
    found = [Members(*(np.empty(0, np.int64) for _ in range(4)))]
    if REQUEST in planned.cells:
        start = planned.cells[REQUEST].start
        depth = planned.each(lambda plan: 0 if plan.asks_in_text else len(plan.request or ()) + 1)
        for at in np.unique(depth[(start >= 0) & (depth > 0)]).tolist():
            rows = np.flatnonzero((start >= 0) & (depth == at))
            members = structure.members(structure.at(start[rows]), at, planned.line[rows])
            members.owner = rows[members.owner]
            found.append(members)
    every = Members.joined(found)
    return every.where(np.argsort(every.name, kind="stable")) if len(found) > 2 else every


def _parameters(planned: Planned) -> list[str]:
    """The cells of parameters that stand in no object, in the order in which requests keep them."""
    found = [name for name in planned.cells if name.startswith(PARAMETER)]
    return sorted(found, key=lambda name: PLACE_IN_REQUESTS[name.removeprefix(PARAMETER)])


def _with_those_beside(
    planned: Planned, given: Members, code: Ints, names: Sequence[str]
) -> tuple[Members, Ints, list[str]]:
    """The parameters of all requests, each with its place in a list of names: also those that stand in no object."""
    parts, codes, names = [given], [code], [*names]
    for parameter in _parameters(planned):
        cells, name = planned.cells[parameter], parameter.removeprefix(PARAMETER)
        rows = np.flatnonzero(cells.start >= 0)
        names += [name] * (name not in names)
        parts.append(Members(rows, np.full(len(rows), ABSENT), cells.start[rows], cells.end[rows]))
        codes.append(np.full(len(rows), names.index(name)))
    every, code = Members.joined(parts), np.concatenate(codes)
    order = np.argsort(every.owner, kind="stable")
    return every.where(order), code[order], names


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


def _renumbered(messages: pa.Table, number: Ints) -> pa.Table:
    """The messages with other numbers for their pieces."""
    at = messages.schema.get_field_index("piece")
    return messages.set_column(at, messages.schema.field(at), pa.array(number[np.asarray(messages["piece"])]))


def _of_lines(messages: pa.Table, lines: Ints) -> pa.Table:
    """The rows that stand in these lines: slices of the table, unless there are many."""
    kept = np.isin(messages["piece"], lines)
    borders = np.flatnonzero(np.diff(kept, prepend=False, append=False)).tolist()
    if len(borders) > 2 * _MOST_SLICES:
        return messages.filter(kept)
    slices = [messages.slice(begin, end - begin) for begin, end in zip(borders[::2], borders[1::2], strict=True)]
    return pa.concat_tables([messages.slice(0, 0), *slices])
