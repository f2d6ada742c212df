"""A log in, its decompressed bytes out, hashed as they pass.

Compression is judged by the first bytes, never by the name.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import zlib
from dataclasses import dataclass, field
from typing import IO, Protocol

import xxhash

from chatlogs.errors import SourceError
from chatlogs.reading.sources import Source

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_OTHER = {
    b"\xfd7zX": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7-Zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress (.Z)",
}
_PARQUET = b"PAR1"
_PIPE_BYTES = 1 << 20


class Readable(Protocol):
    """What a reader needs of a stream of bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...

    def close(self) -> None: ...


@dataclass
class Digests:
    """Running hashes of a source: of its bytes as stored, and decompressed. Equal bytes, equal digests.

    Both are one object where nothing is compressed.
    """

    stored: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)
    content: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)


class _Hashing(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, stream: IO[bytes], digest: xxhash.xxh3_128 | None, head: bytes) -> None:
        self._stream, self._digest, self._head = stream, digest, head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            count = self._stream.readinto(buffer) or 0  # type: ignore[attr-defined]
        if self._digest is not None:
            self._digest.update(buffer[:count])
        return count

    def close(self) -> None:
        if self._stream is not sys.stdin.buffer:
            self._stream.close()
        super().close()


class _Gzip(io.RawIOBase):
    """Decompressed bytes of a gzip stream of any number of members."""

    def __init__(self, stream: _Hashing, name: str) -> None:
        self._stream, self._name = stream, name
        self._member = zlib.decompressobj(wbits=31)
        self._input = bytearray(_PIPE_BYTES)
        self._pending = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._read(len(buffer))
        except zlib.error as error:
            raise SourceError(
                f"{self._name} is damaged: its gzip data breaks near byte {self._position:,} ({error})"
            ) from None
        buffer[: len(data)] = data
        return len(data)

    def _read(self, limit: int) -> bytes:
        while True:
            if not self._pending:
                count = self._stream.readinto(memoryview(self._input))
                self._position += count
                self._pending = bytes(memoryview(self._input)[:count])
                if not count:
                    if not self._member.eof and self._position:
                        raise SourceError(f"{self._name} is damaged: its gzip data ends too early")
                    return b""
            if self._member.eof:
                padding = self._pending.lstrip(b"\0")
                if not padding:
                    self._pending = b""
                    continue
                self._pending, self._member = padding, zlib.decompressobj(wbits=31)
            data = self._member.decompress(self._pending, limit)
            self._pending = self._member.unconsumed_tail or self._member.unused_data
            if data:
                return data


def _zstd(stream: _Hashing, name: str) -> Readable:
    import pyarrow as pa

    return _Arrow(pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"), name)


class _Arrow:
    """An Arrow stream whose errors name the source."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            return self._stream.readinto(buffer)  # type: ignore[attr-defined]
        except OSError as error:
            raise SourceError(f"{self._name} is damaged: {str(error).splitlines()[0]}") from None

    def close(self) -> None:
        self._stream.close()


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
            raw = sys.stdin.buffer if source.path is None else open(source.path, "rb", buffering=0)  # noqa: SIM115
            if source.path is not None:
                unless_opened.callback(raw.close)
            head = _first(raw, 4)
        except OSError as error:
            raise SourceError(f"{source.name} cannot be read: {error.strerror}") from None
        for magic, kind in _OTHER.items():
            if head.startswith(magic):
                raise SourceError(f"{source.name} is {kind}; chatlogs reads plain text, gzip and zstd: unpack it first")
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
    if head.startswith(_GZIP):
        return Opened(_Gzip(_Hashing(raw, digests.stored, head), source.name), digests, "gzip", source)
    if head.startswith(_ZSTD) or _ZSTD_SKIPPABLE.match(head):
        return Opened(_zstd(_Hashing(raw, digests.stored, head), source.name), digests, "zstd", source)
    # Whoever reads plain bytes hashes them as content.
    return Opened(_Hashing(raw, None, head), Digests(digests.content, digests.content), "none", source)


def compression_of(source: Source) -> str:
    """How the source's bytes are stored: "none", "gzip" or "zstd"."""
    opened = open_source(source)
    opened.close()
    return opened.compression


def head_of(source: Source, size: int) -> bytes:
    """The source's first decompressed bytes, at most so many. Raises SourceError when it cannot be opened."""
    opened = open_source(source)
    try:
        buffer = memoryview(bytearray(size))
        filled = 0
        while filled < size and (got := opened.stream.readinto(buffer[filled:])):
            filled += got
        return bytes(buffer[:filled])
    finally:
        opened.close()
