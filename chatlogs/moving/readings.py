"""One source while it is read: what is known of it, how far it was read, and what came of it."""

from __future__ import annotations

import dataclasses
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import xxhash

from chatlogs.errors import SourceError
from chatlogs.moving import ledger
from chatlogs.moving.knownlogs import Known, hash_of
from chatlogs.moving.ledger import Row
from chatlogs.reading.asked import Asked
from chatlogs.reading.blocks import Reader
from chatlogs.reading.lines import Block
from chatlogs.reading.opening import Opened, compression_of, head_of, open_source
from chatlogs.reading.sources import Source
from chatlogs.reading.sse import holds_mixed_streams
from chatlogs.tally import Counts, SourceCount

if TYPE_CHECKING:
    from chatlogs.moving.assemble import Assembler
    from chatlogs.normalizing.tables.partials import Partials

_AGAIN_BYTES = 1 << 20  # how much of a log is read again, at most, when it has grown
_MIXED_BYTES = 1 << 20  # of an SSE log, in which events of several streams, if there are such, are seen


class ChangedError(SourceError):
    """A log was rotated, truncated or replaced between two looks at it."""


@dataclass
class Reading:
    """One source while it is read.

    known: the log that this one is, or begins with; nothing_new: it is that log, and no longer.

    head: the first bytes when it was looked up. is_later: the log that it begins with was read in this very run.
    counts: of what was read now; again: of what was left open then, and is read again, as it was counted then.
    start, end: from which byte to which it was read now. unfinished: where a last line begins that may go on.
    void: how many stored responses are read again. is_mixed: it has events of several streams between each other.
    """

    source: Source
    known: Known | None
    source_key: int
    head: bytes
    is_later: bool = False
    opened: Opened | None = None
    reader: Reader | None = None
    assembler: Assembler | None = None
    counts: Counts = field(default_factory=Counts)
    again: Counts = field(default_factory=Counts)
    container: str = "jsonl"
    line_base: int = 0
    start: int = 0
    end: int = 0
    unfinished: int | None = None
    responses: int = 0
    duplicates: int = 0
    nothing_new: bool = False
    void: int = 0
    is_mixed: bool = False
    _left_open: bytes = b""
    _open_body: int | None = None
    _are_apart: bool = False
    _begin: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    @property
    def name(self) -> str:
        """The log's name in the store: what it was called when it was first read."""
        return self.known.source if self.known is not None else self.source.name

    def open(self, before: Reading | None, block_bytes: int, buffers: list[mmap.mmap], *, logprobs: bool) -> Reader:
        """The reader of what is new; `before` read, in this run, what the log begins with. logprobs: as asked."""
        from chatlogs.moving.assemble import Assembler

        numbered = before.assembler.numbered if before and before.assembler else 0
        self.assembler = Assembler(numbered=numbered, logprobs=logprobs)
        self.opened = open_source(self.source)
        self.is_mixed = _may_be_sse(self.head) and holds_mixed_streams(head_of(self.source, _MIXED_BYTES))
        self.reader = Reader(self.opened, block_bytes=block_bytes, buffers=buffers)
        self.start = self.end = self.known.resume_offset if self.known else 0
        self.reader.skip(self.start)
        self._begin = self.opened.digests.content.copy()
        self._check(self.reader.position, at_end=False)
        self.line_base = self.reader.lines_skipped
        return self.reader

    def asked(self, asked: Asked) -> Asked:
        """How to read this log, of all that are read as asked; who says that it is SSE says that bodies are whole."""
        return dataclasses.replace(asked, mixed=True) if self.is_mixed and asked.container != "sse" else asked

    def take(self, block: Block, yields: Sequence[Partials], container: str | None) -> None:
        """Count what came of the block, part by part; it follows those that were taken before.

        container: as it was asked for.
        """
        if self.known is not None and block.offset < self.known.size:
            known = bytes(memoryview(block.data)[: min(block.size, self.known.size - block.offset)])
            self._left_open += known
            self._begin.update(known)
            self._check(block.offset + block.size, at_end=block.last)
        if block.last:
            self.unfinished = yields[-1].unfinished
            self._note_open_body(block)
        for partials in yields:
            if partials.counts.records:
                self.container = container or partials.container
            self.counts += partials.counts
            self.line_base += partials.physical_lines
        self.end = block.offset + block.size

    def _note_open_body(self, block: Block) -> None:
        """Note where the first line of the body begins that the log leaves open; its first record may stand within."""
        assert self.assembler is not None
        self._open_body = self.assembler.open_at
        if self._open_body is not None and self._open_body >= block.offset:
            self._open_body = block.offset + block.data.rfind(b"\n", 0, self._open_body - block.offset) + 1

    def _check(self, position: int, *, at_end: bool) -> None:
        """ChangedError when the log, read to this position, no longer begins as it did when it was looked up."""
        if self.known is None or (self.start <= position < self.known.size and not at_end):
            return
        if self._begin.hexdigest() != self.known.content_hash:
            raise self._changed()

    def _changed(self) -> ChangedError:
        return ChangedError(f"{self.source.name} was changed while it was read; ingest it again")

    def close(self) -> None:
        """Let go of the log, all of which was read; ChangedError when another has come in its place meanwhile."""
        assert self.opened is not None and self.reader is not None
        self.opened.close()
        if not self.reader.head.startswith(self.head):
            raise self._changed()

    def known_now(self) -> Known:
        """What is known of the log once all of it was read."""
        assert self.opened is not None and self.reader is not None
        digest = self.opened.digests.content.hexdigest()
        size = self.reader.position
        return Known(self.name, self.source_key, size, size, digest, self._head_hash())

    def _head_hash(self) -> str:
        """The hash of the first bytes that were read: since the log was looked up, it may have got more of them."""
        assert self.reader is not None
        return hash_of(self.reader.head)

    def ledger_row(self, old: Row | None, ingest_id: str, now: datetime) -> Row:
        """The log's row of `sources`; old: the one that it replaces."""
        assert self.opened is not None
        digests = self.opened.digests
        row = {
            "source": self.name,
            "source_key": self.source_key,
            "size": self.end,
            "resume_offset": self._resume_offset(),
            "content_hash": digests.content.hexdigest(),
            "stored_hash": digests.stored.hexdigest(),
            "head_hash": self._head_hash(),
            "compression": self.opened.compression,
            "container": self.container,
            **vars(self.counts),
            "duplicates": self.duplicates,
            "responses": self.responses,
            "ingest_id": ingest_id,
            "ingested_at": now,
        }
        if old is None:
            return row
        row = ledger.grown(old, row, self.again)
        return row | {"responses": row["responses"] - self.void}

    def _resume_offset(self) -> int:
        """Where to go on when the log has grown: before a body that is left open, or a last line that may go on.

        What stands in a body is known only from its begin on. Not where a response in it is no row of its own, which
        could not be taken back.
        """
        end = self.end if self.unfinished is None else self.unfinished
        body = self._open_body if self._are_apart else None
        return end if body is None or self.end - body > _AGAIN_BYTES else min(body, end)

    def take_back(self, void: int, *, is_line: bool) -> None:
        """Count as void what was left open: a last line, which was a reject then, or a body with these responses."""
        self.void = void
        if self._left_open:
            self.again = ledger.read_again(self._left_open, is_line=is_line)

    def settle(self, duplicates: Sequence[int], continued: Sequence[int]) -> None:
        """Count the responses that became no rows of their own.

        duplicates: the offsets of those that are kept already; continued: of those that only go on with another one.
        Offsets that this reading did not read are another's: a later reading of the run begins at an unfinished line.
        """
        here = range(self.start, self.end if self.unfinished is None else self.unfinished)
        self.duplicates = sum(offset in here for offset in duplicates)
        self.responses -= sum(offset in here for offset in continued)
        body = self._open_body
        self._are_apart = body is not None and not any(offset >= body for offset in (*duplicates, *continued))

    def count(self, before: Row | None, container: str) -> SourceCount:
        """What the report says of it. before: its row of `sources` as it was; container: that of the log it is."""
        return SourceCount(
            source=self.source.name,
            size=self.end if not self.nothing_new or self.known is None else self.known.size,
            new_bytes=self.end - self.start,
            container=container,
            compression=self.opened.compression if self.opened else compression_of(self.source),
            known=self.nothing_new,
            known_rejects=before["rejects"] - self.again.rejects if before else 0,
            duplicates=self.duplicates,
            responses=self.responses,
            **vars(self.counts),
        )


def _may_be_sse(head: bytes) -> bool:
    return head.lstrip()[:1] not in (b"", b"{", b"[")
