"""Answers that Python prints behind words of a program: each counts beside its words, as JSON behind words does."""

from __future__ import annotations

import re

from chatlogs.normalizing.careful import Found, Left, add, read_text
from chatlogs.normalizing.records.oddlines import Record
from chatlogs.reading.decoding import Decoded, decode
from chatlogs.reading.lines import Lines
from chatlogs.reading.printed import ANSWER
from chatlogs.reading.shapes import kind

_ANSWER = re.compile(ANSWER)
_WORDS = 500  # bytes in which an answer begins
_QUOTES = b"'\"`{}"


def read(lines: Lines, found: Found) -> None:
    """Read rejected lines once more, from where an answer is printed in them; words that quote may quote it too."""
    for line in [line for line, reject in found.rejects.items() if reject.reason == "not_json"]:
        raw = lines.raw(line)
        answer = _ANSWER.search(raw, 1, _WORDS)
        if answer is None or lines.is_cut(line) or any(quote in raw[: answer.start()] for quote in _QUOTES):
            continue
        offset, at = lines.block.offset + int(lines.begin[line]), answer.start()
        result, repaired = read_text(raw[at:], line, offset + at, found, is_whole=False)
        if isinstance(result, Record):
            found.left.append(Left(line, offset, raw[:at].rstrip(), found.rejects.pop(line)))
            found.lines += 1
            add(lines, line, result, repaired, found)


def shows_an_answer(text: bytes) -> bool:
    """Whether it is a dict of a program, as Python prints it, in which an answer is printed that has its own line."""
    if not text.startswith(b"{'") or not _ANSWER.search(text):
        return False
    decoded = decode(text)
    return isinstance(decoded, Decoded) and kind(decoded.value) is None
