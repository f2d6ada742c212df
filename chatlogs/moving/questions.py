"""What was asked, read before the answers: requests of batch inputs, messages of stored completions, by key.

The answers may stand before or behind them, in the same log or in another one; so logs that begin like an input or
a list page are looked through first. What is kept in memory are these requests alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chatlogs.errors import SourceError
from chatlogs.reading.asked import Asked
from chatlogs.reading.blocks import Reader
from chatlogs.reading.decoding import Decoded, decode
from chatlogs.reading.documents import read_documents
from chatlogs.reading.opening import head_of, open_source, side_by_side
from chatlogs.reading.requests_apart import batch_request, has_more, page_messages
from chatlogs.reading.sources import Source

_HEAD = 1 << 14
_MAY_ASK = re.compile(rb'"custom_id"|"object"\s*:\s*"list"|"has_more"')
_IS_OUTPUT = re.compile(rb'"response"\s*:')
_STEP = 8 << 20


@dataclass
class Questions:
    """What was found; notes are sentences for people."""

    requests: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    messages: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def beside(self, asked: Asked) -> Asked:
        """The same wishes, with what was found."""
        messages = {id: [entry for _, entry in sorted(found.items())] for id, found in self.messages.items()}
        return dataclasses.replace(asked, requests=self.requests, messages=messages)

    def add(self, value: object) -> None:
        """Take what the record asks, if anything."""
        request = batch_request(value)
        if request is not None:
            custom_id, body = request
            known = self.requests.setdefault(custom_id, body)
            if known != body:
                self.requests[custom_id] = None  # of two batches: nothing tells which one was answered
        for completion_id, place, message in page_messages(value):
            self.messages.setdefault(completion_id, {})[place] = message


def find_questions(sources: Sequence[Source]) -> Questions:
    """The requests and messages in those logs that may hold some."""
    found = Questions()
    for source, may_ask in zip(sources, side_by_side(_may_ask, sources), strict=True):
        if may_ask:
            with suppress(SourceError):  # told when the log itself is read
                _look_through(source, found)
    return found


def _may_ask(source: Source) -> bool:
    try:
        head = head_of(source, _HEAD)
    except SourceError:
        return False
    return bool(_MAY_ASK.search(head)) and not _IS_OUTPUT.search(head)


def _look_through(source: Source, found: Questions) -> None:
    last: object = None
    for value in _values(source):
        found.add(value)
        last = value
    if has_more(last):
        found.notes.append(f"{source.name} ends with a list page that more pages follow (has_more): fetch them too")


def _values(source: Source) -> Iterator[object]:
    """The JSON values of the log, a line each or laid out over lines."""
    opened = open_source(source)
    try:
        for block in Reader(opened, block_bytes=_STEP).blocks(is_document=_is_laid_out):
            data = bytes(memoryview(block.data)[: block.size])
            lines = [data] if _is_laid_out(memoryview(data)) and block.offset == 0 else data.split(b"\n")
            for text in lines:
                decoded = decode(text) if text.strip() else None
                if isinstance(decoded, Decoded):
                    yield decoded.value
                elif len(lines) == 1:
                    parts = (decode(part) for _, _, part in read_documents(data))
                    yield from (part.value for part in parts if isinstance(part, Decoded))
    finally:
        opened.close()


def _is_laid_out(head: memoryview) -> bool:
    first, line_end, _ = bytes(head[:_HEAD]).lstrip().partition(b"\n")
    return bool(line_end) and first.rstrip()[-1:] not in (b"}", b"]")
