"""What has been read already: logs are known by their bytes, not by their names.

A log read again, under another name, compressed, or after it grew, is found here by the hash of the bytes
it began with.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from chatlogs.errors import SourceError
from chatlogs.reading import objects
from chatlogs.reading.blocks import Reader
from chatlogs.reading.cassettes import is_cassette
from chatlogs.reading.lines import Block
from chatlogs.reading.opening import head_of, open_source
from chatlogs.reading.sources import HEAD_BYTES, Source
from chatlogs.tally import Counts

if TYPE_CHECKING:
    from chatlogs.keeping.snapshot import Snapshot
    from chatlogs.moving.identity import Response

_STEP = 4 << 20
_BEGIN_BYTES = 4096  # of a log: where two begin alike so far, all of them is compared
_COUNTS = ("lines", "blank", "ignorable", "records", "rejects", "repaired", "duplicates", "responses")

Row = dict[str, Any]
"""A row of the table `sources`."""


@dataclass(frozen=True)
class Known:
    """How far a log has been read: its first `size` bytes hash to `content_hash`."""

    source: str
    source_key: int
    size: int
    resume_offset: int
    content_hash: str
    head_hash: str


class KnownLogs:
    """The logs that are known, found by how they begin. Few begin alike, so that a look-up asks few of them.

    keys: the identities that are taken.
    """

    def __init__(self, logs: Iterable[Known] = ()) -> None:
        self.keys: set[int] = set()
        self._all: list[Known] = []
        self._by_head: dict[str, list[Known]] = {}
        self._small: list[Known] = []
        self._begins: dict[str, bytes | None] = {}
        for known in logs:
            self.add(known)

    def add(self, known: Known) -> None:
        """Know one more."""
        self.keys.add(known.source_key)
        self._all.append(known)
        self._by_head.setdefault(known.head_hash, []).append(known)
        if known.size < HEAD_BYTES:
            self._small.append(known)

    def before(self, head: str) -> list[Known]:
        """Those that a log with this head may begin with: of a small one, the head is all there is."""
        return [*(k for k in self._by_head.get(head, ()) if k.size >= HEAD_BYTES), *self._small]

    def beyond(self, source: Source, head: str, places: Mapping[int, str]) -> Iterator[tuple[Known, str]]:
        """Those that may go on where the source ends, with a place where each still lies.

        places: where known logs were met besides their names, by source_key.
        """
        size = source.stored_size
        if not size or source.path is None:
            return
        for known in self._all if size < HEAD_BYTES else self._by_head.get(head, ()):
            for path in {known.source, places.get(known.source_key, known.source)} - {source.name, source.path}:
                if objects.is_object(path) and not source.is_object:
                    continue  # local logs are read without asking a store that may be out of reach
                begin, own = self._begin(path), self._begin(source.path)
                if begin is not None and own is not None and begin.startswith(own):
                    yield known, path

    def _begin(self, path: str) -> bytes | None:
        """The first decompressed bytes of a log that lies there, looked at once."""
        if path not in self._begins:
            self._begins[path] = None
            with contextlib.suppress(SourceError):
                if os.path.isfile(path) or objects.is_object(path):
                    self._begins[path] = head_of(Source(path, path), _BEGIN_BYTES)
        return self._begins[path]


def key_of(head_hash: str, taken: Collection[int]) -> int:
    """The identity of a log that is new: from its first bytes, and apart from the logs in `taken`."""
    salt = 0
    while True:
        key = xxhash.xxh3_64_intdigest(f"{head_hash} {salt}".encode()) - (1 << 63)
        if key not in taken:
            return key
        salt += 1


def head(source: Source) -> bytes:
    """The source's first decompressed bytes."""
    return head_of(source, HEAD_BYTES)


def head_hash(source: Source) -> str:
    """The hash of the source's first decompressed bytes."""
    return hash_of(head(source))


def hash_of(head: bytes) -> str:
    """The hash of a log's first bytes, as the ledger has it."""
    return xxhash.xxh3_128_hexdigest(head)


def look_up(source: Source, head: str, logs: KnownLogs) -> tuple[Known | None, bool]:
    """The longest known log that this source begins with, and whether the source is nothing more than that.

    Reads the source as far as a candidate reaches; without a candidate it reads nothing.
    """
    sizes: dict[int, dict[str, Known]] = {}
    for known in logs.before(head):
        sizes.setdefault(known.size, {})[known.content_hash] = known
    if not sizes:
        return None, False
    opened = open_source(source)
    reader = Reader(opened, block_bytes=_STEP)
    found: Known | None = None
    at_end = False
    try:
        for size in sorted(sizes):
            if not reader.skip(size):
                break
            found = sizes[size].get(opened.digests.content.hexdigest(), found)
        at_end = found is not None and reader.position == found.size and not reader.skip(found.size + 1)
        if found is not None and not found.size and not at_end and found.source != source.name:
            found = None  # every log begins as an empty one does; only its own name tells that it is that one
        if found is not None and not at_end and is_cassette(reader.head):
            found = None  # what follows is no log without what stands before it
    finally:
        opened.close()
    return found, at_end


def is_begin_of(source: Source, head: str, logs: KnownLogs, places: Mapping[int, str]) -> Known | None:
    """The known log that this source is an older copy of, as long as that log itself is still there to tell.

    places: where known logs were met besides their names, by source_key.
    """
    own: tuple[int, str] | None = None
    for known, path in logs.beyond(source, head, places):
        own = own or _digest(source)
        other = Source(path, path)
        try:
            is_begin = own[0] < known.size and _digest(other, own[0]) == own
            if is_begin and _digest(other, known.size) == (known.size, known.content_hash):
                return known
        except SourceError:
            continue
    return None


def is_about(row: Row, source: Source, head: bytes) -> bool:
    """Whether the log of this row is the source, what it begins with, or what begins with it, as look_up and
    is_begin_of would find: what was read of the one then tells what there is to read of the other."""
    size = row["size"]
    if row["head_hash"] == hash_of(head):
        return True
    if not size:
        return bool(row["source"] == source.name)
    if size <= len(head):
        return bool(row["content_hash"] == hash_of(head[:size]))
    return len(head) < HEAD_BYTES and is_begin_of(source, hash_of(head), KnownLogs([known(row)]), {}) is not None


def _digest(source: Source, size: int = 1 << 62) -> tuple[int, str]:
    """How much of the first `size` bytes is there, and its hash."""
    opened = open_source(source)
    try:
        reader = Reader(opened, block_bytes=_STEP)
        reader.skip(size)
        return reader.position, opened.digests.content.hexdigest()
    finally:
        opened.close()


def read_ledger(snapshot: Snapshot) -> dict[int, Row]:
    """The rows of `sources` by source_key."""
    import pyarrow.parquet as pq

    tables = [pq.ParquetFile(path).read() for path in snapshot.files("sources")]
    return {row["source_key"]: row for table in tables for row in table.to_pylist()}


def numbers(rows: Mapping[int, Row], keys: Iterable[int]) -> dict[int, int]:
    """The log_number of each log by its source_key: known logs have theirs, new ones among the keys follow in order."""
    found: dict[int, int] = {key: row["log_number"] for key, row in rows.items()}
    last = max(found.values(), default=0)
    fresh = (key for key in dict.fromkeys(keys) if key not in rows)
    return found | {key: last + place for place, key in enumerate(fresh, start=1)}


def known(row: Row) -> Known:
    """What the ledger tells of how far a log was read."""
    return Known(**{name: row[name] for name in Known.__dataclass_fields__})


def grown(old: Row, new: Row, again: Counts) -> Row:
    """The ledger row of a log that has grown: the counts of both readings, but once of what was read again."""
    row = new | {"source": old["source"]}
    for name in _COUNTS:
        row[name] = old[name] + new[name] - getattr(again, name, 0)
    return row


def count_dropped(rows: dict[int, Row], dropped: Iterable[Response]) -> list[int]:
    """Let the logs tell of their stored responses that other rows stand for now; the source_key of each such log."""
    told = Counter(response.source_key for response in dropped)
    for key, count in told.items():
        rows[key] = rows[key] | {"duplicates": rows[key]["duplicates"] + count}
    return list(told)


def read_again(left_open: bytes, *, is_line: bool) -> Counts:
    """How the first reading of a log counted what it left open, which is read again: a body, or a last line that had
    no line end."""
    from chatlogs.normalizing import defects

    parts = defects.read(Block.of(left_open), fast=False).parts
    counts = sum((partials.counts for _, partials in parts), Counts())
    # Of a document, which may have line ends, what was left over is one reject.
    is_one = is_line and (b"\n" in left_open or counts.records)
    return Counts(lines=1, rejects=1) if is_one else counts
