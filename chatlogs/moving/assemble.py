"""Pieces of one source, block by block, in; responses that are whole, out.

Most responses begin and end within a block and pass at once. The others wait here for their next piece.
Waiting is bounded: a stream that falls silent for too long is let go as it is, and should more of it come
after all, it is continued like one from an earlier file (resolve.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.records.piece import Piece
from chatlogs.normalizing.records.pieces import finished, fold, is_opening, opened
from chatlogs.normalizing.tables import columns, joining
from chatlogs.normalizing.tables.partials import PIECES, Partials, no_pieces

PATIENCE_BYTES = 256 << 20  # how much log may pass before an unfinished stream is let go

RECENT_BYTES = 4 << 20  # how far behind a stream's end its usage chunk may come, as a rule

Tables = dict[str, pa.Table]


def take(tables: Mapping[str, pa.Table], mask: pa.ChunkedArray) -> Tables:
    """The responses under the mask, with their children."""
    wanted = pc.sum(mask).as_py() or 0
    if wanted == len(mask):
        return dict(tables)
    if not wanted:
        return {name: table.slice(0, 0) for name, table in tables.items()}
    result = {"completions": tables["completions"].filter(mask)}
    for name in PIECES:
        if name != "completions":
            table, pieces = tables[name], result["completions"]["piece"]
            result[name] = table.filter(pc.is_in(table["piece"], pieces)) if len(table) else table
    return result


def concat(parts: Sequence[Mapping[str, pa.Table]]) -> Tables:
    """The tables of several parts, one after the other."""
    return {name: _stacked([part[name] for part in parts]) for name in PIECES}


def _stacked(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables as one. Empty ones would leave chunks without rows, more with each block."""
    return pa.concat_tables([table for table in tables if len(table)] or [tables[0].slice(0, 0).combine_chunks()])


@dataclass
class Assembler:
    """The open responses of one source. Feed it the yield of each block, in order.

    numbered: the number of the next piece; what is written together needs pieces of different numbers. logprobs:
    whether tokens have rows; where some of a response had, and others not, those would be all that count. open_at: once
    all is read, where the body begins that the log left open, if nothing from before it goes on behind that.
    """

    waiting: Tables = field(default_factory=no_pieces)
    position: int = 0
    open_body: int | None = None
    last_record: int | None = None
    open_at: int | None = None
    _exact: dict[int, Piece] = field(default_factory=dict)
    numbered: int = 0
    logprobs: bool = False

    def add(self, partials: Partials, *, line_base: int, end: int, last: bool) -> Tables:
        """Take in the block that ends at byte `end` and begins at line `line_base`; whole responses come back.

        After the last block nothing waits any more.
        """
        self._exact |= {number + self.numbered: piece for number, piece in partials.exact.items()}
        pieces = self._placed(partials, line_base)
        joined = self._joined(pieces, partials, line_base)
        if partials.bodies_closed:
            self.open_body = partials.open_body
        elif self.open_body is None:
            self.open_body = partials.first_body
        if partials.last_record is not None:
            self.last_record = partials.last_record + line_base
        self.position = end
        if last:
            self.waiting = no_pieces()
            self.open_at = self._begin_of_body(joined)
            return _closed(joined, self.open_body)
        keep = self._may_go_on(joined)
        self.waiting = take(joined, keep)
        if self._exact:
            still = set(self.waiting["completions"]["piece"].to_pylist())
            self._exact = {number: piece for number, piece in self._exact.items() if number in still}
        return _closed(take(joined, pc.invert(keep)), None)

    def _placed(self, partials: Partials, line_base: int) -> Tables:
        """The pieces numbered apart from those that wait, at their lines in the source and in the body left open."""
        result = {name: plus(table, "piece", self.numbered) for name, table in partials.tables.items()}
        responses = result["completions"]
        for column in ("line_number", "last_line"):
            responses = plus(responses, column, line_base + 1)
        if self.open_body is not None and partials.first_body is not None:
            place = responses.schema.get_field_index("transcript")
            goes_on = _equals(responses["transcript"], partials.first_body)
            bodies = pc.if_else(goes_on, pa.scalar(self.open_body, pa.int64()), responses["transcript"])
            responses = responses.set_column(place, responses.schema.field(place), bodies)
        if len(responses):
            self.numbered = pc.max(responses["piece"]).as_py() + 1
        return result | {"completions": responses}

    def _joined(self, pieces: Tables, partials: Partials, line_base: int) -> Tables:
        """What waits and what came, with the parts of one response merged."""
        if not len(self.waiting["completions"]):
            return pieces
        old, new = self.waiting["completions"], pieces["completions"]
        closed = partials.bodies_closed > 0  # the body left open, or else the first of this block, ends in it
        old_body = _equals(old["transcript"], self.open_body if partials.first_body is not None or closed else None)
        new_body = _equals(new["transcript"], self.open_body)
        old_bare, new_bare = _bare(old), _bare(new)
        shared = pc.is_in(old["id"], new["id"].filter(new_bare))
        old_hit = pc.and_(pc.and_(old_bare, pc.is_valid(old["id"])), shared)
        new_hit = pc.and_(new_bare, pc.and_(pc.is_valid(new["id"]), pc.is_in(new["id"], old["id"].filter(old_hit))))
        parts = []
        if pc.any(new_body).as_py() or (closed and (pc.sum(old_body).as_py() or 0) > 1):
            parts.append(self._folded(take(self.waiting, old_body), take(pieces, new_body), self.open_body, closed))
        else:
            old_body = new_body = None
        if pc.any(old_hit).as_py():
            parts += self._parts(take(self.waiting, old_hit), take(pieces, new_hit))
        old_rest, new_rest = pc.invert(_or(old_hit, old_body)), pc.invert(_or(new_hit, new_body))
        neighbours = self._neighbours(partials, line_base)
        if neighbours is not None:
            old_last, new_first = neighbours
            old_mask = _equals(old["last_line"], old_last, pc.is_null(old["id"]))
            new_mask = _equals(new["line_number"], new_first, pc.or_(pc.is_null(new["id"]), _begin(pieces)))
            if pc.any(pc.and_(old_mask, old_rest)).as_py() and pc.any(pc.and_(new_mask, new_rest)).as_py():
                parts.append(self._folded(take(self.waiting, old_mask), take(pieces, new_mask)))
                old_rest, new_rest = pc.and_(old_rest, pc.invert(old_mask)), pc.and_(new_rest, pc.invert(new_mask))
        return concat([take(self.waiting, old_rest), take(pieces, new_rest), *parts])

    def _parts(self, old: Tables, new: Tables) -> list[Tables]:
        """The streams of these parts, merged: plain ones in columns, the others piece by piece."""
        plain = joining.join(old, new, self._exact)
        if plain is None:
            return [self._folded(old, new)]
        old_rest = pc.invert(pc.is_in(old["completions"]["piece"], plain.old))
        new_rest = pc.invert(pc.is_in(new["completions"]["piece"], plain.new))
        if not pc.any(old_rest).as_py():
            return [plain.tables]
        return [plain.tables, self._folded(take(old, old_rest), take(new, new_rest))]

    def _neighbours(self, partials: Partials, line_base: int) -> tuple[int, int] | None:
        """Lines of the last record so far and of the first one now.

        Chunks without an id there are one stream, and a stream that begins there may have an opening before it.
        """
        if self.last_record is None or partials.first_record is None:
            return None
        return self.last_record + 1, partials.first_record + line_base + 1

    def _folded(self, old: Tables, new: Tables, body: int | None = None, closed: bool = True) -> Tables:
        found = sorted(self._pieces(old) + self._pieces(new), key=lambda p: (p.byte_offset, p.part))
        if body is None and len(found) == 2 and is_opening(found[0]) and found[1].id is not None:
            folded = [opened(*found)]
        else:
            folded = fold(found, transcript=body is not None, closed=closed)
        exact = {self.numbered + place: columns.before_columns(piece) for place, piece in enumerate(folded)}
        self._exact |= {number: piece for number, piece in exact.items() if piece is not None}
        whole = [finished(piece) for piece in folded]
        bodies = dict.fromkeys(range(len(whole)), body) if body is not None else {}
        tables = columns.tables(whole, first=self.numbered, transcripts=bodies, logprobs=self.logprobs)
        self.numbered += len(whole)
        return tables

    def _pieces(self, tables: Tables) -> list[Piece]:
        """The pieces of the tables, as exact as they are known."""
        result = []
        for number, piece in zip(tables["completions"]["piece"].to_pylist(), columns.pieces(tables), strict=True):
            exact = self._exact.pop(number, None)
            if exact is not None:
                exact.line_number, exact.last_line = piece.line_number, piece.last_line
            result.append(exact or piece)
        return result

    def _begin_of_body(self, pieces: Tables) -> int | None:
        """Where the body left open begins; None where none is, or another response goes on in it."""
        responses = pieces["completions"]
        begin = pc.min(responses["byte_offset"].filter(_equals(responses["transcript"], self.open_body))).as_py()
        if begin is None:
            return None
        across = pc.and_(pc.less(responses["byte_offset"], begin), pc.greater_equal(responses["last_offset"], begin))
        return None if pc.any(across).as_py() else int(begin)

    def _may_go_on(self, pieces: Tables) -> pa.ChunkedArray:
        """Which responses may have more in the next block."""
        responses = pieces["completions"]
        in_body = _equals(responses["transcript"], self.open_body)
        recent = pc.greater(responses["last_offset"], self.position - RECENT_BYTES)
        patient = pc.greater(responses["last_offset"], self.position - PATIENCE_BYTES)
        open_ = pc.invert(_ended(responses, pieces["choices"]))
        return pc.or_(in_body, pc.and_(_bare(responses), pc.or_(recent, pc.and_(open_, patient))))


def _ended(responses: pa.Table, choices: pa.Table) -> pa.ChunkedArray:
    """Which responses have choices, each of them with a finish_reason."""
    without = choices["piece"].filter(pc.is_null(choices["finish_reason"]))
    has_choices = pc.is_in(responses["piece"], choices["piece"])
    return pc.and_(has_choices, pc.invert(pc.is_in(responses["piece"], without)))


def _closed(pieces: Tables, open_body: int | None) -> Tables:
    """Flag the streams that their body or wrapper closed too early; of the body left open the last may go on."""
    responses = pieces["completions"]
    closed = pc.and_(pc.equal(responses["form"], "stream"), pc.is_valid(responses["transcript"]))
    if not pc.any(closed).as_py():
        return pieces
    closed = pc.and_(closed, pc.invert(_ended(responses, pieces["choices"])))
    last = pc.max(responses["byte_offset"].filter(_equals(responses["transcript"], open_body))).as_py()
    closed = pc.and_(closed, pc.invert(_equals(responses["byte_offset"], last)))
    if not pc.any(closed).as_py():
        return pieces
    flags = pc.if_else(closed, pa.scalar(["closed_early"]), pa.scalar([], pa.list_(pa.string()))).to_pylist()
    both = [sorted({*(old or ()), *new}) for old, new in zip(responses["flags"].to_pylist(), flags, strict=True)]
    place = responses.schema.get_field_index("flags")
    field_ = responses.schema.field(place)
    return pieces | {"completions": responses.set_column(place, field_, pa.array(both, field_.type))}


def _begin(pieces: Tables) -> pa.ChunkedArray:
    """Which streams say once in whose role: those that begin here do."""
    responses, choices = pieces["completions"], pieces["choices"]
    with_role = pc.is_in(responses["piece"], choices["piece"].filter(pc.is_valid(choices["role"])))
    return pc.or_(responses["opens"], pc.and_(with_role, pc.invert(responses["role_repeats"])))


def _bare(responses: pa.Table) -> pa.ChunkedArray:
    """Streams of bare lines: those outside of any body that nothing has closed."""
    return pc.and_(pc.equal(responses["form"], "stream"), pc.is_null(responses["transcript"]))


def _equals(column: pa.ChunkedArray, value: int | None, also: pa.ChunkedArray | None = None) -> pa.ChunkedArray:
    """Where the column has the value; nowhere when that is None."""
    equal = pc.fill_null(pc.equal(column, pa.scalar(-1 if value is None else value, pa.int64())), False)
    return equal if also is None else pc.and_(equal, also)


def _or(one: pa.ChunkedArray, other: pa.ChunkedArray | None) -> pa.ChunkedArray:
    return one if other is None else pc.or_(one, other)


def plus(table: pa.Table, name: str, amount: int) -> pa.Table:
    """The table with the amount added to each number of a column."""
    if not amount or not len(table):
        return table
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pc.add(table[name], amount))
