"""Odd records in, pieces out: the careful path of a block, one record at a time.

Reads what SQL may not: unknown shapes and fields, broken lines, wrappers, and whole streams that need
judgement. It fills the same columns; that both paths agree is a law of the tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np

from chatlogs.normalizing.folding.fold import Careful
from chatlogs.normalizing.padded import has_padding, logged_once
from chatlogs.normalizing.records.fragments import fragments
from chatlogs.normalizing.records.oddlines import EMPTY_EVENT, PLAINLY, Ignorable, Record, read_line, records
from chatlogs.normalizing.records.piece import STREAM, Piece
from chatlogs.normalizing.records.pieces import finished, fold, is_opening, opened
from chatlogs.normalizing.tables.columns import before_columns
from chatlogs.reading.asked import Asked
from chatlogs.reading.decoding import Decoded, Reject
from chatlogs.reading.lines import BLANK, NO_TRANSCRIPT, OBJECT, Lines
from chatlogs.reading.unnamed import WORDS_OF_CHATS
from chatlogs.values import text as known_text

_Span = tuple[str, int, int, list[int]]
"""The stream of a record, its first and its last line, and all of its lines."""


def _body(transcript: int) -> str:
    """The stream that a body is, as streams.py takes it."""
    return f"body {transcript}"


@dataclass
class Placed:
    """A piece and the body it stands in, or NO_TRANSCRIPT. closed: whole by itself, so nothing continues it.

    exact: the piece before it was finished, where its columns lack what a later merge needs. ahead: the id in the
    next record, where that one begins the answer that this piece opens. padded: its line, if that is padded.
    """

    piece: Piece
    transcript: int = NO_TRANSCRIPT
    closed: bool = False
    run: Careful | None = None
    exact: Piece | None = None
    ahead: str | None = None
    padded: bytes | None = None

    @property
    def stream(self) -> str:
        """The stream it is a part of, as streams.py takes it."""
        if self.transcript != NO_TRANSCRIPT:
            return _body(self.transcript)
        return f"id {self.piece.id or self.ahead or ''}"


@dataclass(frozen=True, slots=True)
class Left:
    """A text that is no line, or not alone on one, and could not be read: its line, its place in the log, and why."""

    line: int
    offset: int
    text: bytes
    reject: Reject


@dataclass
class Found:
    """What the careful path read, beside the pieces: rejects by line, and counts for the ledger.

    left: what is rejected beside. lines: how many more, or fewer, texts than lines there are. ignorable_more: texts
    that say nothing beside others of their line. open: where a last text begins that the log's end cuts.
    arrivals: times that stand before the text of a line.
    """

    asked: Asked = PLAINLY
    pieces: list[Placed] = field(default_factory=list)
    rejects: dict[int, Reject] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    ignorable: set[int] = field(default_factory=set)
    repaired: int = 0
    lines: int = 0
    ignorable_more: int = 0
    open: int | None = None
    arrivals: dict[int, str] = field(default_factory=dict)

    @property
    def streams(self) -> list[str]:
        """The streams that these pieces are parts of; SQL must leave them alone."""
        return sorted({placed.stream for placed in self.pieces if not placed.closed})


def read(lines: Lines, records: Iterable[Careful], found: Found) -> None:
    """Read the records; a run of lines alike is one piece, unless its text must be seen fragment by fragment.

    Where a body has other records between the lines of a run, this is cut before it is read; see `untangle`.
    """
    records = list(records)
    of = [int(lines.transcript[record.first_line]) for record in records]
    spans = [(_body(body), r.first_line, r.last_line, r.lines) for body, r in zip(of, records, strict=True)]
    bodies = {_body(body) for body in of if body != NO_TRANSCRIPT}
    order = _orders_of_tangled(span for span in [*spans, *_spans(found)] if span[0] in bodies)
    for record, (stream, *_) in zip(records, spans, strict=True):
        if record.text is not None and record.chunks > 1 and stream in order:
            _read_stretches(lines, record, order[stream], found)
        elif not _read_run(lines, record, found):
            for line in record.lines:
                read_one(lines, line, found)
    look_ahead(lines, found)


def _spans(found: Found) -> list[_Span]:
    return [
        (p.stream, p.piece.line_number, p.piece.last_line, [p.piece.line_number] if p.run is None else p.run.lines)
        for p in found.pieces
    ]


def _orders_of_tangled(spans: Iterable[_Span]) -> dict[str, dict[int, int]]:
    """Of each stream whose records stand between each other's lines, the place of each line among its own."""
    reach: dict[str, int] = {}
    tangled = set()
    numbers: dict[str, list[int]] = {}
    for stream, first, last, own in sorted(spans, key=lambda span: span[1]):
        if first < reach.get(stream, -1):
            tangled.add(stream)
        reach[stream] = max(reach.get(stream, -1), last)
        numbers.setdefault(stream, []).extend(own)
    return {stream: {line: at for at, line in enumerate(sorted(numbers[stream]))} for stream in tangled}


def _read_run(lines: Lines, record: Careful, found: Found) -> bool:
    """A run is one chunk with the joined text, sent as often as it has lines."""
    if record.text is None or record.chunks == 1:
        return False
    first = record.first_line
    result, repaired = read_text(record.text, first, _offset(lines, first), found)
    alone, _ = read_text(lines.text(first), first, _offset(lines, first), found)
    if not isinstance(result, Record) or not isinstance(alone, Record) or not result.loose or repaired:
        return False
    piece = result.pieces[0]
    if not _says_one_text(piece):
        return False
    if piece.id is None and lines.transcript[first] == NO_TRANSCRIPT:
        if record.last_line - first >= record.chunks:
            return False  # without an id only neighbours belong together, and other lines stand between
        piece.flags.add("ambiguous_grouping")
    for index, choice in piece.choices.items():
        head = alone.pieces[0].choices[index].content
        if head and str(choice.content).startswith(str(head) * 2):
            return False  # each fragment may repeat all text so far
    _place_run(lines, piece, record.chunks, record.last_line)
    found.pieces.append(Placed(piece, int(lines.transcript[first]), run=record))
    return True


def _says_one_text(piece: Piece) -> bool:
    """Whether what stands in the joined text is all that its lines add: each adds what it says beside that as well."""
    choices = piece.choices.values()
    return all(sum(map(bool, (one.content, one.reasoning, one.refusal, one.calls))) <= 1 for one in choices)


def _place_run(lines: Lines, piece: Piece, chunks: int, last_line: int) -> None:
    """Let the piece, read from the joined text, stand for so many chunks, of which none repeats the one before."""
    for choice in piece.choices.values():
        choice.growth = None if choice.content else choice.growth
    piece.chunk_count = chunks
    piece.last_line, piece.last_offset = last_line, _offset(lines, last_line)
    piece.role_repeats = any(choice.role for choice in piece.choices.values())


def untangle(lines: Lines, found: Found) -> None:
    """Cut runs where other records of their stream stand between their lines: only so is their order known."""
    order = _orders_of_tangled(_spans(found))
    again = [p for p in found.pieces if p.run is not None and p.stream in order]
    dropped = set(map(id, again))
    found.pieces = [p for p in found.pieces if id(p) not in dropped]
    for placed in again:
        assert placed.run is not None
        _read_stretches(lines, placed.run, order[placed.stream], found)


def _read_stretches(lines: Lines, run: Careful, order: dict[int, int], found: Found) -> None:
    """Read a run in stretches of lines that follow each other in their stream; order: each line's place in that."""
    places = np.array([order[line] for line in run.lines])
    borders = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(run.lines)]
    cut = None
    if len(borders) <= len(run.lines):
        ends = zip(lines.start[run.lines].tolist(), lines.end[run.lines].tolist(), strict=True)
        data = memoryview(lines.block.data)
        cut = fragments([bytes(data[start:end]) for start, end in ends], run.text)
    for begin, end in pairwise(borders):
        stretch = run.lines[begin:end]
        text = cut.text(begin, end) if cut is not None and len(stretch) > 1 else None
        if text is None or not _read_stretch(lines, text, stretch, found):
            for line in stretch:
                read_one(lines, line, found)


def _read_stretch(lines: Lines, text: bytes, stretch: list[int], found: Found) -> bool:
    result, repaired = read_text(text, stretch[0], _offset(lines, stretch[0]), found)
    if not isinstance(result, Record) or not result.loose or repaired or not _says_one_text(result.pieces[0]):
        return False
    _place_run(lines, result.pieces[0], len(stretch), stretch[-1])
    found.pieces.append(Placed(result.pieces[0], int(lines.transcript[stretch[0]])))
    return True


def read_one(lines: Lines, line: int, found: Found) -> None:
    """Read one line into pieces, a reject, or the ignorable ones."""
    text = lines.text(line)
    if text == b"\0":
        lines.kind[line] = BLANK  # what is left of the last line end of a log in UTF-16
        return
    in_body = bool(lines.transcript[line] != NO_TRANSCRIPT)
    if in_body and text.strip() == EMPTY_EVENT:
        found.ignorable.add(line)
        return
    result, repaired = read_text(text, line, _offset(lines, line), found, in_body=in_body)
    if isinstance(result, Reject):
        found.rejects[line] = result
    elif isinstance(result, Ignorable):
        found.ignorable.add(line)
    else:
        add(lines, line, result, repaired, found)


def add(lines: Lines, line: int, record: Record, repaired: bool, found: Found) -> None:
    """Take the pieces of a line's record."""
    take_beside(record, line, found)
    found.repaired += repaired
    transcript = int(lines.transcript[line])
    closed = not record.loose and (transcript == NO_TRANSCRIPT or record.wrapped)
    padded = text if has_padding(text := lines.text(line)) else None
    found.pieces += [Placed(piece, transcript, closed, padded=padded) for piece in record.pieces]


def take_beside(record: Record, line: int, found: Found) -> None:
    """Take what stands in the record's lists and holds nothing: each counts beside the line, as if it were one."""
    if record.left or record.passed:
        offset = record.pieces[0].byte_offset
        found.left += [Left(line, offset, text.encode(), reject) for text, reject in record.left]
        found.ignorable_more += record.passed
        found.lines += len(record.left) + record.passed


def look_ahead(lines: Lines, found: Found) -> None:
    """Note of what may open an answer which id the next record has."""
    loose = (placed for placed in found.pieces if not placed.closed and placed.transcript == NO_TRANSCRIPT)
    openings = [placed for placed in loose if is_opening(placed.piece)]
    records = np.flatnonzero(lines.kind == OBJECT)
    after = np.searchsorted(records, [placed.piece.last_line for placed in openings], side="right")
    for placed, number in zip(openings, after.tolist(), strict=True):
        placed.ahead = _id_in(lines.text(int(records[number]))) if number < len(records) else None


def _id_in(text: bytes) -> str | None:
    """The id of the record that the text holds."""
    decoded = read_line(text)
    value = decoded.value if isinstance(decoded, Decoded) else None
    return known_text(value.get("id")) if isinstance(value, dict) else None


def read_text(
    text: bytes, line: int, offset: int, found: Found, *, is_whole: bool = True, in_body: bool = False
) -> tuple[Record | Reject | Ignorable, bool]:
    """What a text holds, and whether it had to be repaired for that.

    is_whole: nothing else stands on its line. in_body: it is an event of a stream.
    """
    decoded = read_line(text, is_whole=is_whole)
    if isinstance(decoded, (Reject, Ignorable)):
        return decoded, False
    arrived_at = found.arrivals.get(line)
    deep = decoded.repaired or any(word in text for word in WORDS_OF_CHATS)
    result = records(
        decoded, line_number=line, byte_offset=offset, asked=found.asked, arrived_at=arrived_at, deep=deep,
        in_body=in_body,
    )  # fmt: skip
    return result, decoded.repaired


def _offset(lines: Lines, line: int) -> int:
    return lines.block.offset + int(lines.begin[line])


def folded(lines: Lines, placed: list[Placed]) -> Iterator[Placed]:
    """The responses of these pieces, finished: bodies and bare lines each by their own rule."""
    placed = logged_once(sorted(placed, key=lambda p: (p.piece.line_number, p.piece.part)))
    bare = [p for p in placed if p.closed or (p.transcript == NO_TRANSCRIPT and p.piece.form != STREAM)]
    yield from (Placed(finished(p.piece), closed=True) for p in bare)
    streamed = [p for p in placed if not p.closed and (p.transcript != NO_TRANSCRIPT or p.piece.form == STREAM)]
    bodies = sorted((p for p in streamed if p.transcript != NO_TRANSCRIPT), key=lambda p: p.transcript)
    for transcript, members in groupby(bodies, key=lambda p: p.transcript):
        for piece in fold([p.piece for p in members], transcript=True, closed=transcript < lines.bodies_closed):
            yield _finished(piece, transcript)
    loose = _with_openings(lines, [p for p in streamed if p.transcript == NO_TRANSCRIPT])
    for piece in fold([p for p in loose if p.id is not None], transcript=False):
        yield _finished(piece)
    for neighbours in _neighbours(lines, [p for p in loose if p.id is None]):
        for piece in fold(neighbours, transcript=False):
            yield _finished(piece)


def _with_openings(lines: Lines, placed: list[Placed]) -> list[Piece]:
    """The pieces in order, the openings of answers put before these."""
    if all(p.ahead is None for p in placed):
        return [p.piece for p in placed]
    found: list[Piece] = []
    opening: Placed | None = None
    ordinals = np.cumsum(lines.kind == OBJECT)
    seen: set[str | None] = set()
    roles = Counter((p.piece.id, c.index) for p in placed for c in p.piece.choices.values() if c.role)
    say_once = {name for name, _ in roles} - {name for (name, _), times in roles.items() if times > 1}
    for p in placed:
        piece = p.piece
        follows = opening is not None and ordinals[piece.line_number] - ordinals[opening.piece.line_number] == 1
        # The first chunk of an answer may bring a call beside the role, or a filter result and no role yet. Where
        # chunks repeat the role, it does not tell the first one from another.
        begins = piece.opens or (piece.id in say_once and piece.id not in seen and not piece.role_repeats)
        seen.add(piece.id)
        if opening is not None and follows and opening.ahead == piece.id and begins:
            found[-1] = opened(opening.piece, piece)
            opening = None
        else:
            found.append(piece)
            opening = p if p.ahead is not None else None
    return found


def _finished(piece: Piece, transcript: int = NO_TRANSCRIPT) -> Placed:
    exact = before_columns(piece)
    return Placed(finished(piece), transcript, exact=exact)


def _neighbours(lines: Lines, anonymous: list[Piece]) -> Iterator[list[Piece]]:
    """Chunks without an id, split where another record stands between them."""
    if not anonymous:
        return
    ordinals = np.cumsum(lines.kind == OBJECT)
    group = anonymous[:1]
    for before, piece in pairwise(anonymous):
        if ordinals[piece.line_number] - ordinals[before.last_line] > 1:
            yield group
            group = []
        group.append(piece)
    yield group
