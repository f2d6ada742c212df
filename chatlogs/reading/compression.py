"""Compressed bytes in, what they hold out: gzip, zstd, bzip2 and xz, each of any number of members.

What follows a member must be another one, or NULs: where it is neither, something is lost, and that is said.
"""

from __future__ import annotations

import importlib
import io
import re
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol

from chatlogs.errors import SourceError

_PIPE_BYTES = 1 << 20
_XZ_MEMORY = 256 << 20  # four times what `xz -9` asks of its reader


class Readable(Protocol):
    """What a reader needs of a stream of bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...

    def close(self) -> None: ...


class _Members(io.RawIOBase):
    """The bytes of compressed members, one after the other; kind: what they are called."""

    def __init__(self, stream: io.RawIOBase, name: str, kind: str, start: Callable[[], Any]) -> None:
        self._stream, self._name, self._kind, self._start = stream, name, kind, start
        self._member = start()
        self._input = bytearray(_PIPE_BYTES)
        self._pending = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._read(len(buffer))
        except SourceError:
            raise
        except Exception as error:  # of the library, each of which has its own
            raise SourceError(
                f"{self._name} is damaged: its {self._kind} data breaks near byte {self._position:,} ({error})"
            ) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _read(self, limit: int) -> bytes:
        while True:
            if not self._pending and (self._member.eof or self._member.needs_input) and not self._fill():
                if not self._member.eof and self._position:
                    raise SourceError(
                        f"{self._name} is damaged: its {self._kind} data ends too early; it may not be written, or "
                        "copied, to its end yet"
                    )
                return b""
            if self._member.eof:
                self._pending = self._pending.lstrip(b"\0")
                if not self._pending:
                    continue
                self._member = self._start()
            data: bytes = self._member.decompress(self._pending, limit)
            self._pending = self._member.unused_data if self._member.eof else b""
            if data:
                return data

    def _fill(self) -> int:
        count = self._stream.readinto(memoryview(self._input)) or 0
        self._position += count
        self._pending = bytes(memoryview(self._input)[:count])
        return int(count)


class _GzipMember:
    """zlib's decompressor with the manners of bz2's and lzma's."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, limit: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, limit)


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


def _gzip(stream: io.RawIOBase, name: str) -> Readable:
    return _Members(stream, name, "gzip", _GzipMember)


def _zstd(stream: io.RawIOBase, name: str) -> Readable:
    import pyarrow as pa

    return _Arrow(pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"), name)


def _bzip2(stream: io.RawIOBase, name: str) -> Readable:
    return _Members(stream, name, "bzip2", _module("bz2", "bzip2", name).BZ2Decompressor)


def _xz(stream: io.RawIOBase, name: str) -> Readable:
    lzma = _module("lzma", "xz", name)
    return _Members(stream, name, "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))


def _module(module: str, kind: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SourceError(f"{name} is {kind}, which this Python was built without: unpack it first") from None


Opener = Callable[[io.RawIOBase, str], Readable]

COMPRESSIONS: tuple[tuple[str, re.Pattern[bytes], Opener], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b"), _gzip),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _zstd),  # or a frame to be skipped
    ("bzip2", re.compile(rb"BZh[1-9]"), _bzip2),
    ("xz", re.compile(rb"\xfd7zX"), _xz),
)
"""Each compression that is read: its name, the bytes it begins with, and who reads it."""
