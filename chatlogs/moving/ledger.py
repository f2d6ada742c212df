"""What has been read already: logs are known by their bytes, not by their names.

A log read again, under another name, compressed, or after it grew, is found here by the hash of the bytes
it began with.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chatlogs.moving.knownlogs import Known, KnownLogs, hash_of
from chatlogs.reading.cassettes import is_cassette
from chatlogs.reading.lines import Block
from chatlogs.reading.opening import filled, head_of, open_source
from chatlogs.reading.sources import HEAD_BYTES, Source
from chatlogs.tally import Counts

if TYPE_CHECKING:
    from chatlogs.keeping.snapshot import Snapshot
    from chatlogs.moving.identity import Response

_STEP = 256 << 10
_COUNTS = ("lines", "blank", "ignorable", "records", "rejects", "repaired", "duplicates", "responses")

Row = dict[str, Any]
"""A row of the table `sources`."""


def head(source: Source) -> bytes:
    """The source's first decompressed bytes."""
    return head_of(source, HEAD_BYTES)


def head_hash(source: Source) -> str:
    """The hash of the source's first decompressed bytes."""
    return hash_of(head(source))


def look_up(source: Source, head: str, logs: KnownLogs) -> tuple[Known | None, bool]:
    """The longest known log that this source begins with, and whether the source is nothing more than that.

    Reads the source as far as a candidate reaches; without a candidate it reads nothing.
    """
    candidates = logs.before(head)
    least = next(candidates, None)
    if least is None:
        return None, False
    opened = open_source(source)
    digest, position, ahead, begin = opened.digests.content, 0, memoryview(b""), b""
    found: Known | None = None
    at_end = False
    try:
        for size, by_hash in itertools.chain([least], candidates):
            while position < size and (ahead or (ahead := memoryview(filled(opened, _STEP)))):
                begin = begin or bytes(ahead[:HEAD_BYTES])
                step = ahead[: size - position]
                digest.update(step)
                position += len(step)
                ahead = ahead[len(step) :]
            if position < size:
                break
            found = by_hash.get(digest.hexdigest(), found)
        at_end = found is not None and position == found.size and not ahead and not filled(opened, 1)
        if found is not None and not found.size and not at_end and found.source != source.name:
            found = None  # every log begins as an empty one does; only its own name tells that it is that one
        if found is not None and not at_end and is_cassette(begin):
            found = None  # what follows is no log without what stands before it
    finally:
        opened.close()
    return found, at_end


def is_begin_of(source: Source, head: str, logs: KnownLogs, places: Mapping[int, str]) -> Known | None:
    """The known log that this source is an older copy of, as long as that log itself is still there to tell.

    places: where known logs were met besides their names, by source_key.
    """
    return logs.beyond(source, head, places)


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


def read_ledger(snapshot: Snapshot, read: dict[str, list[Row]] | None = None) -> dict[int, Row]:
    """The rows of `sources` by source_key.

    read: the rows of each file that was read before, to which those come that are read now. What changes in a store
    comes in files of new names, so that they hold for any snapshot of it.
    """
    import pyarrow.parquet as pq

    read = {} if read is None else read
    files = snapshot.files("sources")
    for path in files:
        if path not in read:
            read[path] = pq.ParquetFile(path, pre_buffer=False).read(use_threads=False).to_pylist()
    return {row["source_key"]: row for path in files for row in read[path]}


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
