"""Lines that say nothing alone, read together: JSON laid out over lines, or several values on one.

What one line cannot tell, its neighbours may: a pretty-printed object, an event of several data lines, objects
without a line end between them, a value behind some words of a logger. The unit is the text: one that is laid out
over several lines counts once, where it begins, and each of several on a line counts. So nothing is lost where
texts share a line: each is a record, ignorable, or a reject of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from chatlogs.normalizing import httpheads, printedlines
from chatlogs.normalizing.careful import Found, Left, Placed, add, read_text, take_beside
from chatlogs.normalizing.printedlines import shows_an_answer
from chatlogs.normalizing.records.oddlines import Ignorable, Record, sse_pieces
from chatlogs.normalizing.records.piece import STREAM
from chatlogs.reading.cassettes import Call, is_cassette, may_be_recorded, read_cassette
from chatlogs.reading.credentials import without_secrets
from chatlogs.reading.decoding import Reject, decode, is_begun
from chatlogs.reading.documents import read_documents
from chatlogs.reading.lines import BLANK, NO_TRANSCRIPT, ODD, Block, Lines
from chatlogs.reading.sse import looks_like_sse
from chatlogs.values import as_json

UNFINISHED = Reject(
    "truncated_line", "The log ends in the middle of this line; it is read again when the log has grown."
)
NO_JSON = ("not_json", "not_utf8")
_HEAD = 1 << 16
_RECORDED = 4 << 20  # of what only looks like a recording in YAML: nobody's log shall be too long for that
_BORDERS = (b"", b"\r", b"\n")  # what stands beside a text that is alone on its lines
_STAMP = re.compile(rb"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_NOT_ALONE = ("not_json", "not_an_object", "unknown_shape")
_NO_YAML = "The cassette cannot be read from here on; {}."
_QUOTED = Reject("not_json", "The text stands within another text, where it may be escaped in any way.")
_TOLD = Reject("not_json", "Behind other text on its line only an answer is read.")
# How many times its own length, and how many bytes more, a region is gone through for values behind open brackets.
_SCANS, _FREE = 4, 1 << 20


@dataclass(slots=True)
class _Text:
    """A text and what it holds: its first and last line, counted from 0, and where it begins in what was read."""

    first: int
    last: int
    begin: int
    text: bytes
    result: Record | Reject | Ignorable
    repaired: bool = False

    @property
    def is_json(self) -> bool:
        return not isinstance(self.result, Reject) or self.result.reason not in NO_JSON


_Read = Callable[[bytes, int, int], tuple[Record | Reject | Ignorable, bool]]
"""What the text that begins on a line, at a byte, holds; and whether it had to be repaired for that."""


def is_document(head: memoryview | bytes | bytearray) -> bool:
    """Whether a source that begins so is to be read whole: JSON laid out over lines, or what only looks like lines."""
    begin = bytes(head[:_HEAD])
    if is_cassette(begin) or (len(head) <= _RECORDED and may_be_recorded(begin)):
        return True
    if begin[:3] == b"\xef\xbb\xbf":
        begin = begin[3:]
    first, line_end, _ = begin.lstrip(b" \t\r\n").partition(b"\n")
    first = first.rstrip()
    if not line_end or first[:1] not in (b"{", b"["):
        return False
    if first[:1] == b"[" and first[1:].lstrip()[:1] not in (b"", b"{", b"[", b'"'):
        return False  # a logger's `[2026-01-01 00:00:00]`
    return is_begun(first) if first[-1:] in (b"}", b"]") else isinstance(decode(first), Reject)


def read_whole(block: Block, found: Found) -> str | None:
    """Read the block as one text of JSON values, or a cassette in YAML, and tell which of them it is.

    None, and nothing is read, when too little of it is either.
    """
    data = bytes(memoryview(block.data)[: block.size])
    if is_cassette(data):
        _take_whole([_called(call, block.offset, found) for call in read_cassette(data)], block.offset, found)
        return "yaml"
    if len(data) <= _RECORDED and may_be_recorded(data):
        calls = [_called(call, block.offset, found) for call in read_cassette(data)]
        if any(isinstance(call.result, Record) for call in calls) and all(call.is_json for call in calls):
            _take_whole(calls, block.offset, found)
            return "yaml"

    def read(text: bytes, line: int, begin: int) -> tuple[Record | Reject | Ignorable, bool]:
        is_whole = data[begin - 1 : begin] in _BORDERS and data[begin + len(text) : begin + len(text) + 1] in _BORDERS
        return read_text(text, line, block.offset + begin, found, is_whole=is_whole)

    texts = [_read(text, line - 1, begin, read) for line, begin, text in read_documents(data)]
    if 2 * sum(len(text.text) for text in texts if text.is_json) < len(data.strip()):
        return None
    _take_whole(_settled(texts, data, read), block.offset, found)
    return "json"


def _take_whole(texts: Iterable[_Text], offset: int, found: Found) -> None:
    for text in texts:
        found.lines += 1
        if isinstance(text.result, Reject):
            found.left.append(Left(text.first, offset + text.begin, text.text, text.result))
        elif isinstance(text.result, Ignorable):
            found.ignorable_more += 1
        else:
            take_beside(text.result, text.first, found)
            found.repaired += text.repaired
            found.pieces += [Placed(piece, closed=not text.result.loose) for piece in text.result.pieces]


def _called(call: Call, offset: int, found: Found) -> _Text:
    """A call of a cassette, as a text of its own; set aside, it goes without the credentials in its headers."""
    last = call.line + call.text.count(b"\n")
    if call.problem:
        return _Text(call.line, last, call.begin, call.text, Reject("not_json", _NO_YAML.format(call.problem)))
    result, repaired = read_text(call.json, call.line, offset + call.begin, found)
    text = as_json(without_secrets(json.loads(call.json))).encode() if isinstance(result, Reject) else call.text
    return _Text(call.line, last, call.begin, text, result, repaired)


def _read(text: bytes, line: int, begin: int, read: _Read) -> _Text:
    result, repaired = read(text, line, begin)
    return _Text(line, line + text.count(b"\n"), begin, text, result, repaired)


def _settled(texts: Sequence[_Text], data: bytes, read: _Read) -> Iterator[_Text]:
    """The texts as they count: those that are nothing, and follow each other on a line, are one."""
    texts = list(_without_quoted(texts))
    for place, run in groupby(texts, key=lambda text: text.first if _is_rest(text) else -1):
        members = list(run)
        if place < 0 or len(members) == 1:
            yield from members
        else:
            begin, end = members[0].begin, members[-1].begin + len(members[-1].text)
            yield _read(data[begin:end], place, begin, read)


def _is_rest(text: _Text) -> bool:
    return isinstance(text.result, Reject) and text.first == text.last


def _is_nothing(text: _Text) -> bool:
    return isinstance(text.result, (Reject, Ignorable)) and text.first == text.last


def _without_quoted(texts: Sequence[_Text]) -> Iterator[_Text]:
    """The texts; set aside are records in what some program quotes, or shows, and mere errors behind some words."""
    words = [text for text in texts if not text.is_json]
    beside = {line for text in words for line in (text.first, text.last)}
    quoted = {line for text in words if any(q in text.text for q in b"'\"`") for line in (text.first, text.last)}
    for text in texts:
        if not isinstance(text.result, Record) or beside.isdisjoint((text.first, text.last)):
            yield text
        elif not quoted.isdisjoint((text.first, text.last)) or shows_an_answer(text.text):
            yield replace(text, result=_QUOTED)
        elif text.first in beside and not any(piece.choices or piece.form == STREAM for piece in text.result.pieces):
            yield replace(text, result=_TOLD)
        else:
            yield text


def read_together(lines: Lines, found: Found) -> None:
    """Read rejected lines once more, with their neighbours."""
    printedlines.read(lines, found)
    statuses = httpheads.take(lines, found)
    for region in _regions(lines, found):
        if all(found.rejects[line].reason == "unknown_shape" for line in region):  # each is an object, and whole
            for line in region:
                _read_lone_cr(lines, line, found)
        else:
            _Region(lines, region, found).settle()
    httpheads.tell(statuses, found)


def _regions(lines: Lines, found: Found) -> Iterator[list[int]]:
    """Rejected lines that follow each other in one body, blank lines between them left aside."""
    region: list[int] = []
    for line in sorted(line for line, reject in found.rejects.items() if reject.reason in _NOT_ALONE):
        if region and not _goes_on(lines, region[-1], line):
            yield region
            region = []
        region.append(line)
    if region:
        yield region


def _goes_on(lines: Lines, before: int, line: int) -> bool:
    """Whether the line may go on with what the one before it says."""
    if any(lines.kind[i] != BLANK for i in range(before + 1, line)):
        return False
    same_body = lines.transcript[line] == lines.transcript[before]
    if same_body and _leaves_text_open(lines.raw(before)) and _STAMP.match(lines.raw(line)):
        return False  # the words of a logger are no part of a text
    # An event whose JSON is laid out has `data:` before its first line only, and ends with a blank line.
    return bool(same_body or (lines.transcript[line] == NO_TRANSCRIPT and line == before + 1))


def _leaves_text_open(line: bytes) -> bool:
    """Whether a logger's line ends within a string."""
    return (line.count(b'"') - line.count(b'\\"')) % 2 == 1 and _STAMP.match(line) is not None


class _Region:
    """Rejected lines, of which some may be one text: joined, and told apart again by the values in them."""

    def __init__(self, lines: Lines, region: Sequence[int], found: Found) -> None:
        self.lines, self.region, self.found = lines, region, found
        self.plain = [lines.transcript[line] == NO_TRANSCRIPT and line not in found.arrivals for line in region]
        parts = [lines.raw(i) if plain else lines.text(i) for i, plain in zip(region, self.plain, strict=True)]
        self.data = b"\n".join(parts)
        self.starts = np.cumsum([0] + [len(part) + 1 for part in parts])
        self.at_end = lines.block.last and region[-1] >= _last_said(lines)

    def settle(self) -> None:
        """Take what the lines hold, where that is more than each of them does alone."""
        if b"{" not in self.data and b"[" not in self.data:  # then each line is one text
            for line in self.region:
                _read_lone_cr(self.lines, line, self.found)
            return
        shared: list[_Text] = []
        for text in self._texts():
            if shared and text.first > shared[-1].last:
                self._take(shared)
                shared = []
            shared.append(text)
        if shared:
            self._take(shared)

    def _texts(self) -> Iterator[_Text]:
        """The values, and what stands between them. Behind a bracket that never closes the next line is a new try."""
        begin, lines_before = 0, 0
        scans = _SCANS * len(self.data) + _FREE
        while begin < len(self.data):
            scans -= len(self.data) - begin
            for number, offset, part in read_documents(self.data[begin:]):
                text = _read(part, lines_before + number - 1, begin + offset, self._read)
                if text.is_json or text.first == text.last or scans < 0 or self._is_open(text):
                    yield text
                    continue
                end = self.data.index(b"\n", text.begin)
                yield _read(self.data[text.begin : end].rstrip(), text.first, text.begin, self._read)
                begin, lines_before = end + 1, text.first + 1
                break
            else:
                return

    def _is_open(self, text: _Text) -> bool:
        """Whether the text is JSON as far as the log goes, so that it may be whole when the log has grown."""
        return self.at_end and text.last == len(self.region) - 1 and is_begun(text.text)

    def _read(self, text: bytes, line: int, begin: int) -> tuple[Record | Reject | Ignorable, bool]:
        if begin == self.starts[line] and begin + len(text) + 1 == self.starts[line + 1]:
            return self.found.rejects[self.region[line]], False  # a whole line, which has been read
        return read_text(text, self.region[line], self._place(line, begin), self.found, is_whole=False)

    def _place(self, line: int, begin: int) -> int:
        """Where in the log the byte of the joined lines stands."""
        own = (self.lines.begin if self.plain[line] else self.lines.start)[self.region[line]]
        return self.lines.block.offset + int(own) + begin - int(self.starts[line])

    def _raw(self, text: _Text) -> bytes:
        """The text as it stands in the log, with the blank lines in it; an event without its `data:`."""
        if not all(self.plain[text.first : text.last + 1]):
            return text.text
        begin, end = self._place(text.first, text.begin), self._place(text.last, text.begin + len(text.text))
        return bytes(self.lines.block.data[begin - self.lines.block.offset : end - self.lines.block.offset])

    def _take(self, texts: list[_Text]) -> None:
        """Take texts that share lines; where nothing is read in them that is new, the lines stay as they are."""
        own = self.region[texts[0].first : texts[-1].last + 1]
        is_one = len(own) == 1
        if is_one and (_read_lone_cr(self.lines, own[0], self.found) or len(texts) < 2):
            return
        if is_one and self._may_go_on(own[0], texts):
            return
        open_ = texts[-1] if not is_one and not texts[-1].is_json and self._is_open(texts[-1]) else None
        if open_ is not None:
            open_.result = UNFINISHED
        settled = list(_settled(texts, self.data, self._read))
        news = [text for text in settled if not _is_nothing(text) and (text.is_json or text is open_)]
        if not news:
            return
        for line in own:
            del self.found.rejects[line]
        self.found.lines += len(settled) - len(own)
        for text in settled:
            self._count(text)

    def _may_go_on(self, line: int, texts: Sequence[_Text]) -> bool:
        """Whether it is a last line without line end that may say something else when it is whole."""
        if all(text.is_json for text in texts):  # values joined without line ends, of which each is whole
            return False
        return self.lines.is_cut(line)

    def _count(self, text: _Text) -> None:
        line, found = self.region[text.first], self.found
        if isinstance(text.result, Reject):
            place = self._place(text.first, text.begin)
            found.left.append(Left(line, place, self._raw(text), text.result))
            if text.result is UNFINISHED:
                self._open(line, place)
        elif isinstance(text.result, Ignorable):
            found.ignorable_more += 1
        else:
            add(self.lines, line, text.result, text.repaired, found)

    def _open(self, line: int, place: int) -> None:
        """Note the text as open. Blank lines from its first line on are read again with it, and count with it."""
        self.found.open = place
        blank = np.flatnonzero(self.lines.kind[line:] == BLANK) + line
        self.lines.kind[blank] = ODD
        self.found.lines -= len(blank)


def _last_said(lines: Lines) -> int:
    said = np.flatnonzero(lines.kind != BLANK)
    return int(said[-1]) if len(said) else -1


def _read_lone_cr(lines: Lines, line: int, found: Found) -> bool:
    """An SSE text whose lines end with lone CRs."""
    raw = lines.raw(line)
    if b"\r" not in raw.rstrip(b"\r") or not looks_like_sse(text := raw.decode("utf-8", "replace")):
        return False
    offset = lines.block.offset + int(lines.begin[line])
    pieces = sse_pieces(text, line_number=line, byte_offset=offset, asked=found.asked, in_one_line=True)
    if pieces:
        del found.rejects[line]
        found.pieces += [Placed(piece, closed=True) for piece in pieces]
    return bool(pieces)
