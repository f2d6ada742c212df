"""One line in, its pieces out: the careful path, for lines that no fast path can read.

Any bytes give an answer: pieces, nothing by design (Ignorable), or a Reject that says why. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from chatlogs.normalizing.records.piece import STREAM
from chatlogs.normalizing.records.pieces import Piece, fold, piece_of_chunk, piece_of_completion, piece_of_error
from chatlogs.normalizing.records.requests import add_request, apply_facts, apply_request
from chatlogs.reading import shapes
from chatlogs.reading.asked import Asked
from chatlogs.reading.containers import unwrap_all
from chatlogs.reading.decoding import Decoded, Reject, decode, without_colours
from chatlogs.reading.envelopes import Envelope, Part, Unread, at
from chatlogs.reading.exported import restored
from chatlogs.reading.lines import DONE
from chatlogs.reading.logfmt import read_logfmt
from chatlogs.reading.logged import has_moment, logged_texts
from chatlogs.reading.native import as_chunk
from chatlogs.reading.otel import holds_events
from chatlogs.reading.payloads import events_of, is_end, sse_parts
from chatlogs.reading.printed import read_quoted
from chatlogs.reading.requests_apart import is_asking
from chatlogs.reading.sse import comes_back
from chatlogs.reading.unnamed import line_of, printed_field
from chatlogs.reading.wrappers import candidates
from chatlogs.values import as_json, moment

__all__ = ["Decoded", "Ignorable", "Record", "Reject", "read_line", "records", "sse_pieces"]

PLAINLY = Asked()
_SSE_FIELD = re.compile(rb"(event|id|retry)(:|$)")
_EMPTY = (b"", *DONE)


EMPTY_EVENT = b"{}"
"""What an event that only has a name, such as `event: close`, says beside it."""


@dataclass(frozen=True, slots=True)
class Ignorable:
    """The line carries no record by design: an SSE comment, an event name, [DONE], a blank."""


@dataclass(frozen=True, slots=True)
class Record:
    """The pieces of a line. loose: a single chunk, which other lines may continue; else each is a whole response.

    wrapped: they stand in a wrapper, so that they are no part of the body in which the line is.
    left: the items of its lists that hold no record, each with its text and why. passed: how many more nobody misses.
    """

    pieces: list[Piece]
    loose: bool
    wrapped: bool = False
    left: list[tuple[str, Reject]] = field(default_factory=list)
    passed: int = 0


def read_line(raw: bytes, *, is_whole: bool = True) -> Decoded | Reject | Ignorable:
    """The JSON value of a line, which may be the data line of an SSE body; of duplicate keys the first wins.

    A value that was repaired, or that lost something, says so in `repaired` and `flags`. is_whole: whether nothing
    else stands on the line; if it does, a colon begins no comment of an SSE body, nor a name its field.
    """
    text = raw.strip(b" \t\r\n")
    line = bytes(without_colours(text))
    if line[:1] in (b"{", b"["):
        return Ignorable() if line in _EMPTY else decode(line)
    if line.startswith(b"data:"):
        line = line[5:].strip()
        return Ignorable() if line in _EMPTY or line == EMPTY_EVENT else decode(line)
    if b"\r" not in line and (
        line in _EMPTY or (is_whole and line == text and (line[:1] == b":" or _SSE_FIELD.match(line)))
    ):
        return Ignorable()
    decoded = decode(raw.strip(b"\r\n") if b"\x00" in raw else line)
    if isinstance(decoded, Reject) and line.startswith((b"b", b'"', b"'")):
        said = read_quoted(line.decode("utf-8", "replace"))
        decoded = decoded if said is None else Decoded(said, repaired=True)
    return read_logfmt(line) or decoded if is_whole and isinstance(decoded, Reject) else decoded


def records(
    decoded: Decoded,
    *,
    line_number: int = 0,
    byte_offset: int = 0,
    asked: Asked = PLAINLY,
    arrived_at: object = None,
    deep: bool = True,
    in_body: bool = False,
) -> Record | Reject | Ignorable:
    """The responses in a decoded line, bare or wrapped; not `finished` yet. arrived_at: the time before the line.

    deep: an answer may stand under any name; False where the line has no word of one. in_body: it is an event of a
    stream.
    """
    value = restored(line_of(decoded.value))
    if isinstance(value, str) and asked.wrapper is None and (events := events_of(value)) is not None:
        if len(events) != 1:
            return _chunks_of(events, decoded, _Reader(line_number, byte_offset, asked), arrived_at)
        value = events[0]
    value = as_chunk(value) if in_body and asked.wrapper is None else value
    kind = shapes.kind(value)
    if kind == shapes.IGNORABLE:
        return Ignorable()
    if not isinstance(value, (dict, list)):
        detail = f"The line is {shapes.describe(value)}; a record is an object."
        return Ignorable() if is_end(value) else Reject("not_an_object", detail)
    reader = _Reader(line_number, byte_offset, asked)
    if kind == shapes.CHUNK and isinstance(value, dict) and asked.wrapper is None:
        piece = reader.chunk(value, arrived_at)
        _mark(piece, decoded)
        return Record([piece], loose=True)
    envelopes, unread = unwrap_all(value, only=asked.wrapper, deep=deep)
    if arrived_at is not None and len(envelopes) == 1 and envelopes[0].parts:
        _add_arrival(envelopes[0], arrived_at)
    pieces = [piece for envelope in envelopes for piece in reader.read(envelope)]
    if not pieces:
        if (unread and all(item.passed for item in unread)) or (isinstance(value, dict) and _says_nothing(value)):
            return Ignorable()
        return Record([], loose=False) if is_asking(value) else _unknown(value, asked)
    for number, piece in enumerate(pieces):
        piece.part = number
        _mark(piece, decoded)
    alone = len(envelopes) == len(pieces) == 1 and not envelopes[0].transcript
    loose = alone and pieces[0].form == STREAM
    left = [_left(item) for item in unread if not item.passed]
    wrapped = kind is None and not loose and isinstance(value, dict)
    return Record(pieces, loose, wrapped, left, len(unread) - len(left))


def _chunks_of(
    events: list[object], decoded: Decoded, reader: _Reader, arrived_at: object
) -> Record | Reject | Ignorable:
    """The chunks of a line that is the text of several events of a stream, as they were read at once; or of none."""
    if not events:
        return Ignorable()
    if any(shapes.kind(event) != shapes.CHUNK for event in events):
        return Reject("not_an_object", "The line is a string of events, which are not all chunks.")
    pieces = [reader.chunk(event, arrived_at) for event in events if isinstance(event, dict)]
    for number, piece in enumerate(pieces):
        piece.part = number
        _mark(piece, decoded)
    return Record(pieces, loose=True)


def _add_arrival(envelope: Envelope, arrived_at: object) -> None:
    """Take the time before the line: of a chunk when it came; what else a line says was there when it was written."""
    part = envelope.parts[0]
    if envelope.transcript or shapes.kind(part.value) == shapes.CHUNK:
        part.arrived_at = part.arrived_at or arrived_at
    elif not has_moment(envelope):
        envelope.facts["ended_at"] = arrived_at


def _left(item: Unread) -> tuple[str, Reject]:
    where = item.place if item.place[:1] != "[" else f"Item {item.place[1:-1]}"
    detail = f"{where} of the records listed here is {shapes.describe(item.value)}: nothing that is known."
    return as_json(item.value), Reject("unknown_shape" if isinstance(item.value, dict) else "not_an_object", detail)


def _says_nothing(value: dict[str, Any]) -> bool:
    """Whether a logger's line holds a line of a stream that carries no record: a blank one, a comment, [DONE]."""
    texts = logged_texts(value)
    nothing = texts is not None and all(is_ignorable(text.encode("utf-8", "replace"), "log" in value) for text in texts)
    return nothing or is_end(value)


def is_ignorable(text: bytes, is_output: bool) -> bool:
    """Whether a line of a stream carries no record.

    is_output: what stands there was printed, so that a field of an SSE body is no sentence of a logger.
    """
    if _SSE_FIELD.match(text) and not is_output:
        return False
    found = read_line(text)
    return isinstance(found, Ignorable) or (isinstance(found, Decoded) and shapes.kind(found.value) == shapes.IGNORABLE)


def _mark(piece: Piece, decoded: Decoded) -> None:
    """Flag what was lost or repaired before the piece could be read."""
    piece.flags |= decoded.flags
    if decoded.repaired:
        piece.flags.add("repaired")


def _unknown(value: dict[str, Any] | list[Any], asked: Asked) -> Reject:
    reason = "unknown_shape" if isinstance(value, dict) else "not_an_object"
    wanted = (isinstance(value, dict) and _lacks_answer(value)) or "no completion, no chunk, no known wrapper of these"
    if asked.wrapper is not None:
        wanted = f"it cannot be read as {asked.wrapper}, which was asked for"
    elif isinstance(value, dict) and holds_events(value):
        wanted = "events beside the spans of calls; read the traces, which tell tokens, models and ids"
    elif isinstance(value, dict) and (printed := printed_field(value)) is not None:
        wanted = f"what {printed} holds is what Python prints of an answer; log its model_dump_json() instead"
    return Reject(reason, f"The line is {shapes.describe(value)}: {wanted}.")


def _lacks_answer(value: dict[str, Any]) -> str | None:
    """What stands in the answer's place of a wrapper that is known."""
    for wrapper in candidates(value):
        path = next((path for path in wrapper.response if at(value, path) is not None), None)
        if path is not None and wrapper.fits(value):
            found = shapes.describe(at(value, path))
            return f"its container is {wrapper.name}, but {path} is {found}: no answer that is known"
    return None


def sse_pieces(
    text: str, *, line_number: int = 1, byte_offset: int = 0, asked: Asked = PLAINLY, in_one_line: bool = False
) -> list[Piece]:
    """The responses of an SSE text, one for each transcript as a rule; `line_number` is that of its first line.

    Byte offsets are those of the text's begin. in_one_line: its lines end with lone CRs, which end no line of a log.
    Events that are no record stand in extra as `unread_events`.
    """
    reader = _Reader(line_number, byte_offset, asked, several_bodies=True, several_lines=not in_one_line)
    pieces = reader.read(Envelope(sse_parts(text), transcript=True))
    for part, piece in enumerate(pieces):
        piece.part = part
    return pieces


@dataclass(slots=True)
class _Reader:
    line_number: int
    byte_offset: int
    asked: Asked
    several_bodies: bool = False
    several_lines: bool = False

    def read(self, envelope: Envelope) -> list[Piece]:
        """The responses of an envelope, with what the wrapper says of them."""
        found: list[Piece] = []
        keep = any(moment(part.arrived_at) for part in envelope.parts if part.arrived_at is not None)
        for parts, ends in _bodies(envelope.parts):
            pieces = [self._piece(part, envelope.transcript, keep) for part in parts if _is_record(part)]
            folded = fold(
                pieces, transcript=not comes_back(piece.id for piece in pieces), closed=ends or not self.several_bodies
            )
            unread = [part.unread for part in parts if part.unread is not None]
            if unread and folded:
                folded[-1].extra["unread_events"] = unread
            found += folded
        if envelope.error is not None:
            _add_error(found, piece_of_error(envelope.error, **self._place(0)))
        for piece in found:
            piece.flags |= envelope.flags
            if envelope.request is not None:
                apply_request(piece, envelope.request)
            if envelope.facts:
                apply_facts(piece, envelope.facts)
            add_request(piece, self.asked)
        return found

    def chunk(self, value: dict[str, Any], arrived_at: object, line: int = 0, *, keep: bool = False) -> Piece:
        """The piece of a chunk, as most odd lines are one that stands bare. keep: its row, which has no time."""
        time = None if arrived_at is None else moment(arrived_at)
        return piece_of_chunk(value, **self._place(line), arrived_at=time, keep_chunk=keep or self.asked.chunks)

    def _piece(self, part: Part, transcript: bool, keep: bool) -> Piece:
        kind = shapes.kind(part.value)
        if kind == shapes.CHUNK or (kind == shapes.COMPLETION and transcript and not _has_message(part.value)):
            piece = self.chunk(part.value, part.arrived_at, part.line, keep=keep)
        elif kind == shapes.COMPLETION:
            piece = piece_of_completion(part.value, **self._place(part.line))
        else:
            piece = piece_of_error(part.value, **self._place(part.line))
        piece.flags |= part.flags
        return piece

    def _place(self, line: int) -> dict[str, Any]:
        return {"line_number": self.line_number + line * self.several_lines, "byte_offset": self.byte_offset}


def _add_error(found: list[Piece], error: Piece) -> None:
    """The failure that a wrapper tells of: of its last response, or its only answer."""
    if not found:
        found.append(error)
        return
    last = found[-1]
    if not (last.error_code or last.error_type or last.error_message):
        last.error_code, last.error_type, last.error_message = error.error_code, error.error_type, error.error_message


def _bodies(parts: list[Part]) -> list[tuple[list[Part], bool]]:
    """The parts between the [DONE] borders, and whether such a border ends them."""
    bodies: list[tuple[list[Part], bool]] = []
    body: list[Part] = []
    for part in parts:
        if part.ends:
            bodies.append((body, True))
            body = []
        else:
            body.append(part)
    return [(body, ends) for body, ends in [*bodies, (body, False)] if body]


def _has_message(value: dict[str, Any]) -> bool:
    choices = value.get("choices")
    entries = choices if isinstance(choices, list) else []
    return any(isinstance(entry, dict) and isinstance(entry.get("message"), dict) for entry in entries)


def _is_record(part: Part) -> bool:
    return part.unread is None and shapes.kind(part.value) != shapes.IGNORABLE
