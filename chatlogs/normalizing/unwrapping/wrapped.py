"""A log of wrapped answers: unwrapped to bare lines, which the fast path reads, and what the wrappers say beside them.

Only where each wrapper is plain: one answer in it, which is an object, a list of chunks or an SSE text, and no error
beside. The answer itself is never decoded here. Whatever is not so plain is left to the careful path, and a law of the
tests says that both give the same.
"""

from __future__ import annotations

import operator
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.records.finishing import is_plain
from chatlogs.normalizing.records.piece import COMPLETION, STREAM, Piece
from chatlogs.normalizing.records.requests import OF_REQUEST, add_request, apply_facts
from chatlogs.normalizing.tables.partials import PIECES, Partials
from chatlogs.normalizing.unwrapping.beside import Taken, beside
from chatlogs.normalizing.unwrapping.cells import decoded
from chatlogs.normalizing.unwrapping.facts import OF_FACTS
from chatlogs.normalizing.unwrapping.outside import Outside
from chatlogs.normalizing.unwrapping.places import MAY_BE_CHOICES
from chatlogs.normalizing.unwrapping.plans import EVENTS_OF_CHUNK
from chatlogs.normalizing.unwrapping.shells import ANSWER_FIELDS, CHUNK, Shells
from chatlogs.reading.asked import Asked
from chatlogs.reading.containers import unwrap
from chatlogs.reading.envelopes import TIMES, Envelope
from chatlogs.reading.exported import TYPED
from chatlogs.reading.inspect_ai import is_of_inspect
from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, ODD, Block, Lines, scan
from chatlogs.schema import TIME
from chatlogs.values import is_duration

Tables = dict[str, pa.Table]
Normalize = Callable[[Lines, dict[int, str]], Partials]

_SAMPLE = 16  # lines that tell whether a log is one of wrappers
_CARRIERS = ("response", "body", "completion", "output", "response_body", "chunks", "sse", "response_text")
_FACTS = tuple(dict.fromkeys((*OF_REQUEST, *OF_FACTS)))
_TYPES = {
    c.name: pa.int64() if c.type == TIME else PIECES["completions"].arrow().field(c.name).type
    for c in PIECES["completions"].columns
}
_MESSAGES = PIECES["messages"].arrow()
_worker = threading.local()
_facts_of = operator.attrgetter(*_FACTS)
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = re.compile(rb'"[ \t\r\n]+:')
_DONE = b"data: [DONE]\n"


@dataclass
class _OneByOne:
    """The wrapped lines that were taken one by one, the answers in them as bare lines, and what the wrappers say."""

    lines: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)  # how many each holds; 0 for a completion
    facts: list[tuple[Any, ...]] = field(default_factory=list)  # values of _FACTS
    flags: list[frozenset[str]] = field(default_factory=list)
    messages: list[pa.Table] = field(default_factory=list)
    bare: list[bytes] = field(default_factory=list)
    shells: Shells = field(default_factory=Shells)

    def taken(self, source: str) -> Taken:
        """The same, in columns."""
        said = zip(_FACTS, zip(*self.facts, strict=True), strict=True)
        columns = {name: pa.array(values, _TYPES[name]) for name, values in said}
        answers = scan(Block.of(b"".join(self.bare), source=source, last=False))
        answers = answers.where(answers.kind != IGNORABLE)  # the ends of bodies
        return Taken(self.lines, self.chunks, answers, columns, self.flags, self.messages)


def read(lines: Lines, asked: Asked, normalize_bare: Normalize) -> tuple[list[Tables], list[int]]:
    """Pieces of the wrapped lines that are plain, and the numbers of these lines; nothing for a log of bare ones."""
    parts = [*_in_objects(lines, asked), *_in_lists(lines, asked)]
    tables, numbers = [], []
    for part in parts:
        partials = normalize_bare(part.answers, part.arrivals)
        if not partials.counts.repaired:  # else nothing tells which of the wrappers it was
            pieces, wrappers = beside(lines, partials, part)
            tables.append(pieces)
            numbers += wrappers
    return tables, numbers


def _outside() -> Outside:
    if not hasattr(_worker, "outside"):
        _worker.outside = Outside()
    outside: Outside = _worker.outside
    return outside


def _in_lists(lines: Lines, asked: Asked) -> list[Taken]:
    """Lines that are lists of chunks."""
    odd = np.flatnonzero((lines.kind == ODD) & (lines.transcript == NO_TRANSCRIPT))
    lists = odd[np.frombuffer(lines.block.data, np.uint8)[lines.start[odd]] == ord("[")]
    sample = lists[:: max(1, len(lists) // _SAMPLE)].tolist()
    is_any = any(b'"choices"' in lines.text(line) for line in sample)
    return _outside().take_lists(lines, lists, asked) if is_any else []


def _in_objects(lines: Lines, asked: Asked) -> list[Taken]:
    """Lines that are objects with an answer in each."""
    records = np.flatnonzero((lines.kind == OBJECT) & (lines.transcript == NO_TRANSCRIPT))
    sample = records[:: max(1, len(records) // _SAMPLE)].tolist()
    if not sample or sum(_may_wrap(lines.text(line)) for line in sample) * 2 <= len(sample):
        return []
    parts = _outside().take(lines, records, asked)
    apart = _OneByOne()
    for line in np.setdiff1d(records, [line for part in parts for line in part.lines], assume_unique=True).tolist():
        text = lines.text(line)
        if _may_wrap(text):
            _take(text, line, asked, apart)
    if apart.lines:
        parts.append(apart.taken(lines.block.source))
    return parts


def _may_wrap(text: bytes) -> bool:
    """Whether the line holds an answer below its first level, perhaps in a text, and no numbers that are objects."""
    at = text.find(b'"choices')
    return at > 0 and text.count(b"{", 0, at) > 1 and TYPED not in text


def _count_of_choices(text: bytes) -> int:
    return len(MAY_BE_CHOICES.findall(text)) if b"choices" in text else 0


def _take(text: bytes, line: int, asked: Asked, found: _OneByOne) -> None:
    holder = _Holder()
    try:
        shallow = holder.value_of(text, 0)
    except (ValueError, RecursionError):
        return
    if holder.stand_in is None or is_of_inspect(shallow):
        return
    # Where there are choices outside the answer, another may be there.
    alone = _count_of_choices(text) == sum(map(_count_of_choices, holder.answers))
    plan = found.shells.plan(shallow, holder.carried, lambda envelope: _is_plain(envelope, holder)) if alone else None
    envelope = None if plan is None else plan.envelope(shallow)
    if envelope is None or any(is_duration(envelope.facts.get(name)) for name in TIMES):
        envelopes = unwrap(shallow)
        if len(envelopes) != 1 or not _is_plain(envelopes[0], holder):
            return
        envelope = envelopes[0]
    facts = Piece(form=STREAM if holder.chunks else COMPLETION)
    facts.flags |= envelope.flags
    if envelope.request is not None:
        found.shells.ask(facts, envelope.request)
    if envelope.facts:
        apply_facts(facts, envelope.facts)
    add_request(facts, asked)
    said = _facts_of(facts)
    if not is_plain([*filter(None, said), *facts.messages]):
        return
    found.lines.append(line)
    found.chunks.append(holder.chunks)
    found.facts.append(said)
    found.flags.append(frozenset(facts.flags))
    if facts.messages:
        rows = [{**row, "piece": line} for row in facts.messages]
        found.messages.append(pa.Table.from_pylist(rows, schema=_MESSAGES))
    found.bare.append(holder.bare())


def _is_plain(envelope: Envelope, holder: _Holder) -> bool:
    parts = [part for part in envelope.parts if not part.ends]
    if envelope.error is not None or len(parts) != 1:
        return False
    (part,) = parts
    alike = part.value == holder.stand_in and envelope.transcript == bool(holder.chunks)
    return alike and part.arrived_at is None and part.unread is None


class _Holder:
    """Decodes a wrapper, but for the answer in it, for which a stand-in of the same kind is put."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.chunks = 0
        self.stand_in: dict[str, Any] | None = None
        self.carried: object = None  # what stands in the answer's place

    def bare(self) -> bytes:
        """The answer as bare lines: a completion, or the body of a stream."""
        if not self.chunks:
            return self.answers[0] + b"\n"
        return b"".join(b"data: " + answer + b"\n" for answer in self.answers) + _DONE

    def value_of(self, text: bytes, level: int) -> dict[str, Any]:
        """The object with a stand-in for the answer. ValueError for what only the careful path should read."""
        parts = _parts_of(text)
        return {name: self._part(name, part, level) for name, part in parts.items()}

    def _part(self, name: str, part: bytes, level: int) -> Any:
        if self.stand_in is None and name in _CARRIERS:
            if part[:1] == b"{" and b'"choices"' in part:
                parts = _parts_of(part)
                if "choices" in parts:
                    return self._completion(part, parts)
                if level == 0:
                    return self.value_of(part, 1)
            elif part[:1] == b"[" and b'"choices"' in part:
                return self._list(part)
            elif part[:6] == b'"data:':
                return self._sse(msgspec.json.decode(part))
        return decoded(part)

    def _completion(self, part: bytes, parts: dict[str, bytes]) -> dict[str, Any]:
        if b'"message"' not in parts["choices"]:
            raise ValueError("no completion")
        self.stand_in = {name: _part_of_answer(name, part) for name, part in parts.items() if name != "choices"}
        self.stand_in["choices"] = [{"message": {}}]
        self.answers.append(part)
        self.carried = self.stand_in
        return self.stand_in

    def _list(self, part: bytes) -> list[dict[str, Any]]:
        self._take_chunks([bytes(item) for item in _list.decode(part)])
        self.carried = chunks = [CHUNK]
        return chunks

    def _sse(self, text: str) -> str:
        events = [line.removeprefix("data:").strip(" \t") for line in text.split("\n") if line]
        if "\r" in text or text.count("data:") < len(events):
            raise ValueError("no plain SSE")
        if len(events) == 1:
            raise ValueError("perhaps one event of a stream")
        self._take_chunks([event.encode() for event in (events[:-1] if events[-1] == "[DONE]" else events)])
        self.carried = EVENTS_OF_CHUNK
        return EVENTS_OF_CHUNK

    def _take_chunks(self, items: list[bytes]) -> None:
        if not items or not all(item[:1] == b"{" and _is_chunk(item) for item in items):
            raise ValueError("no chunks")
        self.answers, self.chunks, self.stand_in = items, len(items), CHUNK


def _is_chunk(item: bytes) -> bool:
    """Whether the object is a chunk, and not one that holds it."""
    at = item.find(b'"choices"')
    return at > 0 and (item.count(b"{", 0, at) == 1 or "choices" in _parts_of(item))


def _parts_of(text: bytes) -> dict[str, bytes]:
    """The fields of an object, not decoded; ValueError when a key may stand twice."""
    if _LOOSE.search(text):
        raise ValueError("keys cannot be counted")
    parts = {name: bytes(raw) for name, raw in _raws.decode(text).items()}
    if text.count(b'":') != len(parts) + b" ".join(parts.values()).count(b'":'):
        raise ValueError("a key stands twice")
    return parts


def _part_of_answer(name: str, part: bytes) -> Any:
    """The value where a wrapper may be looked for something, or where a key may stand twice in it; else None."""
    return None if name in ANSWER_FIELDS and part[:1] not in (b"{", b"[") else decoded(part)
