"""Lines that say nothing alone, read together: JSON laid out over lines, or several values on one.

What one line cannot tell, its neighbours may: a pretty-printed object, an event of several data lines, objects
without a line end between them. A text of several lines counts as one line, where it begins; one line of
several texts counts as so many.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chatlogs.normalizing.careful import Found, Placed, add, read_text
from chatlogs.normalizing.records.oddlines import Found as Record
from chatlogs.normalizing.records.oddlines import Ignorable, sse_pieces
from chatlogs.reading.decoding import Decoded, Reject, decode
from chatlogs.reading.documents import read_documents
from chatlogs.reading.lines import BLANK, NO_TRANSCRIPT, Block, Lines
from chatlogs.reading.sse import looks_like_sse

_HEAD = 1 << 16
_NOT_ALONE = ("not_json", "not_an_object")


def is_document(head: memoryview | bytes | bytearray) -> bool:
    """Whether a source that begins so is JSON laid out over lines, to be read whole."""
    begin = bytes(head[:_HEAD])
    if begin[:3] == b"\xef\xbb\xbf":
        begin = begin[3:]
    first, line_end, _ = begin.lstrip(b" \t\r\n").partition(b"\n")
    first = first.rstrip()
    if not line_end or first[:1] not in (b"{", b"[") or first[-1:] in (b"}", b"]"):
        return False
    return isinstance(decode(first), Reject)


def read_whole(block: Block, found: Found) -> bool:
    """Read the block as one text of JSON values; False, and nothing is read, when too little of it is that."""
    data = bytes(memoryview(block.data)[: block.size])
    texts = list(read_documents(data))
    results = [
        (line, offset, text, read_text(text, line - 1, block.offset + offset, found)) for line, offset, text in texts
    ]
    read = sum(len(text) for _, _, text, (result, _) in results if not isinstance(result, Reject))
    if 2 * read < len(data.strip()):
        return False
    found.lines = len(texts)
    for line, offset, text, (result, repaired) in results:
        if isinstance(result, Reject):
            found.rejects[line - 1] = result
            found.raws[line - 1] = (block.offset + offset, text)
        elif isinstance(result, Ignorable):
            found.ignorable.add(line - 1)
        else:
            found.repaired += repaired
            found.pieces += [Placed(piece, closed=True) for piece in result.pieces if not result.loose]
            found.pieces += [Placed(piece) for piece in result.pieces if result.loose]
    return True


def read_together(lines: Lines, found: Found) -> None:
    """Read rejected lines once more, with their neighbours."""
    for region in _regions(lines, found):
        if len(region) == 1:
            _read_several(lines, region[0], found)
        else:
            _read_region(lines, region, found)


def _regions(lines: Lines, found: Found) -> Iterator[list[int]]:
    """Rejected lines that follow each other in one body, blank lines between them left aside."""
    region: list[int] = []
    for line in sorted(line for line, reject in found.rejects.items() if reject.reason in _NOT_ALONE):
        if region:
            between = range(region[-1] + 1, line)
            apart = any(lines.kind[i] != BLANK for i in between)
            if apart or lines.transcript[line] != lines.transcript[region[-1]]:
                yield region
                region = []
        region.append(line)
    if region:
        yield region


def _read_several(lines: Lines, line: int, found: Found) -> None:
    """One line that holds several values, or an SSE text whose lines end with lone CRs."""
    if line not in found.rejects or _read_lone_cr(lines, line, found):
        return
    text = lines.text(line)
    texts = list(read_documents(text))
    if len(texts) < 2:
        return
    results = [read_text(part, line, _offset(lines, line) + offset, found) for _, offset, part in texts]
    if any(isinstance(result, Reject) for result, _ in results):
        return
    del found.rejects[line]
    found.lines += len(texts) - 1
    for result, repaired in results:
        if isinstance(result, Ignorable):
            found.ignorable_more += 1
        elif isinstance(result, Record):
            add(lines, line, result, repaired, found)


def _read_lone_cr(lines: Lines, line: int, found: Found) -> bool:
    raw = lines.raw(line)
    if b"\r" not in raw.rstrip(b"\r") or not looks_like_sse(text := raw.decode("utf-8", "replace")):
        return False
    offset = lines.block.offset + int(lines.begin[line])
    pieces = sse_pieces(text, line_number=line, byte_offset=offset, asked=found.asked, in_one_line=True)
    if pieces:
        del found.rejects[line]
        found.pieces += [Placed(piece, closed=True) for piece in pieces]
    return bool(pieces)


def _read_region(lines: Lines, region: list[int], found: Found) -> None:
    """Values that are laid out over the lines of a region."""
    joined = b"\n".join(lines.text(line) for line in region)
    starts = np.cumsum([0] + [len(lines.text(line)) + 1 for line in region])
    for number, offset, text in read_documents(joined):
        span = text.count(b"\n") + 1
        covered = region[number - 1 : number - 1 + span]
        if span == 1:
            if covered[0] in found.rejects:  # a line of several values comes up once for each
                _read_several(lines, covered[0], found)
            continue
        decoded = decode(text)
        if not isinstance(decoded, Decoded) or not isinstance(decoded.value, dict):
            continue
        place = _offset(lines, covered[0]) + offset - int(starts[number - 1])
        result, repaired = read_text(text, covered[0], place, found)
        if not isinstance(result, Record):
            continue
        for line in covered:
            del found.rejects[line]
        found.lines -= span - 1
        add(lines, covered[0], result, repaired, found)


def _offset(lines: Lines, line: int) -> int:
    start = lines.start[line] if lines.transcript[line] != NO_TRANSCRIPT else lines.begin[line]
    return lines.block.offset + int(start)
