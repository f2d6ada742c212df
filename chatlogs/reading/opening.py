"""A log in, its decompressed bytes out, hashed as they pass.

Compression is judged by the first bytes (compression.py), never by the name.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TypeVar

import xxhash

from chatlogs.errors import SourceError
from chatlogs.reading.compression import COMPRESSIONS, Readable
from chatlogs.reading.sources import Source

T = TypeVar("T")
_WAITS_AT_ONCE = 16
_OTHER = {
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7-Zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress (.Z)",
}
_PARQUET = b"PAR1"
KINDS = ", ".join(kind for kind, *_ in COMPRESSIONS[:-1]) + f" and {COMPRESSIONS[-1][0]}"


@dataclass
class Digests:
    """Running hashes of a source: of its bytes as stored, and decompressed. Equal bytes, equal digests.

    Both are one object where nothing is compressed.
    """

    stored: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)
    content: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)


class _Hashing(io.RawIOBase):
    """The bytes of a source as they are stored, hashed as they are read.

    What cannot be read raises SourceError: behind this, only what the bytes say is damage.
    """

    def __init__(self, stream: IO[bytes], name: str, digest: xxhash.xxh3_128 | None, head: bytes) -> None:
        self._stream, self._name, self._digest, self._head = stream, name, digest, head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            try:
                count = self._stream.readinto(buffer) or 0  # type: ignore[attr-defined]
            except OSError as error:
                raise SourceError(f"{self._name} cannot be read: {error.strerror or error}") from None
        if self._digest is not None:
            self._digest.update(buffer[:count])
        return count

    def close(self) -> None:
        if self._stream is not sys.stdin.buffer:
            self._stream.close()
        super().close()


@dataclass
class Opened:
    """A source being read: the stream of its decompressed bytes, the hashes so far, and its compression."""

    stream: Readable
    digests: Digests
    compression: str
    source: Source

    def close(self) -> None:
        self.stream.close()


def open_source(source: Source) -> Opened:
    """The source's decompressed bytes. Raises SourceError when it cannot be opened."""
    with contextlib.ExitStack() as unless_opened:
        try:
            raw = source.open()
            if source.path is not None:
                unless_opened.callback(raw.close)
            head = _first(raw, 4)
        except OSError as error:
            raise SourceError(f"{source.name} cannot be read: {error.strerror}") from None
        for magic, kind in _OTHER.items():
            if head.startswith(magic):
                raise SourceError(f"{source.name} is {kind}; chatlogs reads plain text, {KINDS}: unpack it first")
        if head == _PARQUET:
            raise SourceError(
                f"{source.name} is Parquet, a table and no log: ask it with DuckDB; where its rows are exported logs,"
                f" write them as JSON Lines first: COPY (FROM '{source.name}') TO 'rows.jsonl' (FORMAT json)"
            )
        opened = _opened(source, raw, head)
        unless_opened.pop_all()
        return opened


def _first(raw: IO[bytes], size: int) -> bytes:
    """So many bytes, where there are as many: a pipe may give fewer at a time."""
    head = b""
    while len(head) < size and (got := raw.read(size - len(head))):
        head += got
    return head


def _opened(source: Source, raw: IO[bytes], head: bytes) -> Opened:
    digests = Digests()
    for kind, magic, opener in COMPRESSIONS:
        if magic.match(head):
            return Opened(opener(_Hashing(raw, source.name, digests.stored, head), source.name), digests, kind, source)
    # Whoever reads plain bytes hashes them as content.
    return Opened(_Hashing(raw, source.name, None, head), Digests(digests.content, digests.content), "none", source)


def compression_of(source: Source) -> str:
    """How the source's bytes are stored: "none", or a name of COMPRESSIONS."""
    opened = open_source(source)
    opened.close()
    return opened.compression


def side_by_side(look: Callable[[Source], T], sources: Sequence[Source]) -> list[T]:
    """What a look at each source gives; those in an object store are looked at together, as each look is a wait."""
    if not any(source.is_object for source in sources):
        return [look(source) for source in sources]
    with ThreadPoolExecutor(_WAITS_AT_ONCE, thread_name_prefix="chatlogs-looks") as pool:
        return list(pool.map(look, sources))


def head_of(source: Source, size: int) -> bytes:
    """The source's first decompressed bytes, at most so many. Raises SourceError when it cannot be opened."""
    opened = open_source(source)
    try:
        return filled(opened, size)
    finally:
        opened.close()


def filled(opened: Opened, size: int) -> bytes:
    """The next decompressed bytes: so many, where there are as many."""
    buffer = memoryview(bytearray(size))
    count = 0
    while count < size and (got := opened.stream.readinto(buffer[count:])):
        count += got
    return bytes(buffer[:count])
