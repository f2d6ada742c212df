"""Paths in, blocks of decompressed bytes out.

A source is a file, or standard input. Compression is judged by the first bytes, never by the name. Blocks
end at a line end, so that every line is whole in one of them; buffers are used again, so a block's bytes
are valid until `Reader.release` gives its buffer back.
"""

from __future__ import annotations

import contextlib
import glob
import io
import mmap
import os
import re
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Protocol

import xxhash

from chatlogs.errors import SourceError
from chatlogs.reading.lines import PADDING, Block

STDIN = "-"
HEAD_BYTES = 256
BLOCK_BYTES = 24 << 20
WIDE_BLOCK_BYTES = 64 << 20  # for logs that fold to little, where a block's fixed costs weigh more than its memory
LONGEST_BYTES = 256 << 20  # of one line, or of JSON laid out over lines; a decompression bomb ends here
_MB = LONGEST_BYTES // 1_000_000
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_ROTATED = re.compile(r"^(?P<stem>.+?)(?:\.(?P<number>\d{1,4}))?(?P<suffix>\.(?:gz|zst|zstd))?$")
_PIPE_BYTES = 1 << 20
# Tables, code, documents and pictures: passed over in a folder, read when they are named.
_BESIDE_LOGS = (
    ".parquet", ".csv", ".tsv", ".db", ".duckdb", ".sqlite", ".py", ".pyc", ".js", ".ts", ".sh", ".sql", ".ipynb",
    ".toml", ".md", ".rst", ".html", ".css", ".png", ".jpg", ".pdf",
)  # fmt: skip
_OTHER = {b"\xfd7zX": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"PAR1": "Parquet"}


@dataclass(frozen=True)
class Source:
    """One log. `name` is what the user calls it; `path` is None for standard input."""

    name: str
    path: str | None

    @property
    def stored_size(self) -> int | None:
        """Bytes on disk, None when that cannot be known."""
        if self.path is None:
            return None
        try:
            return os.path.getsize(self.path)
        except OSError:
            return None


def find(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Source]:
    """The logs that files, globs, folders and `-` name, each once, rotated ones oldest first.

    Explicit paths keep their order; what a folder or glob yields is sorted by name, and `app.log.2.gz`,
    `app.log.1`, `app.log` by age. Raises SourceError for what does not exist.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: dict[str, Source] = {}
    for path in given:
        for source in _expand(os.fspath(path)):
            found.setdefault(os.path.realpath(source.path) if source.path else STDIN, source)
    if not found:
        raise SourceError("no log was named; give files, folders, globs, or - for standard input")
    return list(found.values())


def _expand(path: str) -> Iterator[Source]:
    if path == STDIN:
        yield Source(STDIN, None)
    elif os.path.isdir(path):
        names = list(_files_of(path))
        if not names:
            raise SourceError(f"{path} holds no logs")
        yield from (Source(name, name) for name in sorted(names, key=_age))
    elif os.path.exists(path):
        yield Source(path, path)
    elif glob.has_magic(path):
        names = [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]
        if not names:
            raise SourceError(f"no file matches {path}")
        yield from (Source(name, name) for name in sorted(names, key=_age))
    else:
        raise SourceError(f"{path} does not exist")


def _files_of(folder: str) -> Iterator[str]:
    """The files of a folder and those below, but for hidden ones, whole stores, and what lies beside logs."""

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}")

    for path, folders, names in os.walk(folder, onerror=refuse):
        if os.path.isdir(os.path.join(path, "sources", "_delta_log")):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (
            os.path.join(path, name) for name in names if _may_be_log(name)
        )


def _may_be_log(name: str) -> bool:
    return not name.startswith((".", "_")) and not name.lower().endswith(_BESIDE_LOGS)


def _age(name: str) -> tuple[str, int, str]:
    """Sorts a log's rotated parts oldest first: the highest number first, the part without one last."""
    match = _ROTATED.match(name)
    if match is None:
        return name, 0, name
    return match["stem"], -int(match["number"] or 0), name


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
    digests = Digests()
    try:
        raw = sys.stdin.buffer if source.path is None else open(source.path, "rb", buffering=0)  # noqa: SIM115
        head = raw.read(4) or b""
    except OSError as error:
        raise SourceError(f"{source.name} cannot be read: {error.strerror}") from None
    for magic, kind in _OTHER.items():
        if head.startswith(magic):
            raise SourceError(f"{source.name} is {kind}; chatlogs reads plain text, gzip and zstd: unpack it first")
    if head.startswith(_GZIP):
        return Opened(_Gzip(_Hashing(raw, digests.stored, head), source.name), digests, "gzip", source)
    if head.startswith(_ZSTD) or _ZSTD_SKIPPABLE.match(head):
        return Opened(_zstd(_Hashing(raw, digests.stored, head), source.name), digests, "zstd", source)
    # Whoever reads plain bytes hashes them as content.
    return Opened(_Hashing(raw, None, head), Digests(digests.content, digests.content), "none", source)


class Reader:
    """Cuts a source into blocks that end at a line end; a line longer than a block makes a longer one."""

    def __init__(
        self, opened: Opened, *, block_bytes: int = BLOCK_BYTES, buffers: list[mmap.mmap] | None = None
    ) -> None:
        self._opened = opened
        self._block_bytes = block_bytes
        self._free = buffers if buffers is not None else []
        self.position = 0
        self.lines_skipped = 0

    def skip(self, count: int) -> bool:
        """Read past the first `count` bytes, counting their lines; False when the source is shorter."""
        buffer = memoryview(bytearray(min(count, _PIPE_BYTES) or 1))
        while self.position < count:
            got = self._fill(buffer[: count - self.position])
            if not got:
                return False
            self.position += got
            self.lines_skipped += bytes(buffer[:got]).count(b"\n")
        return True

    def blocks(self, *, is_document: Callable[[memoryview], bool] | None = None) -> Iterable[Block]:
        """The blocks from here to the end. A source whose first bytes are a document's comes as one block."""
        buffer, filled, start = self._buffer(self._block_bytes), 0, self.position
        whole = None
        while True:
            room = len(buffer) - PADDING
            got = self._fill(memoryview(buffer)[filled:room]) if filled < room else 0
            filled += got
            self.position += got
            if filled < room and got:
                continue
            at_end = filled < room
            if whole is None:
                whole = is_document is not None and is_document(memoryview(buffer)[:filled])
            end = filled if at_end else buffer.rfind(b"\n", 0, filled) + 1
            if not at_end and (whole or not end):
                if len(buffer) > max(LONGEST_BYTES, self._block_bytes + PADDING):
                    what = "a JSON text laid out over lines" if whole and end else "a line"
                    raise SourceError(f"{self._opened.source.name} holds {what} of more than {_MB} MB: split it first")
                longer = self._buffer(2 * len(buffer))
                longer[:filled] = memoryview(buffer)[:filled]
                buffer = longer
                continue
            if at_end:
                yield Block(self._opened.source.name, buffer, end, start, last=True)
                return
            rest = self._buffer(max(self._block_bytes, filled - end))
            rest[: filled - end] = memoryview(buffer)[end:filled]
            yield Block(self._opened.source.name, buffer, end, start, last=False)
            start += end
            buffer, filled = rest, filled - end

    def widen(self, block_bytes: int) -> None:
        """Make the blocks to come at least this long."""
        self._block_bytes = max(self._block_bytes, block_bytes)

    def release(self, block: Block) -> None:
        """Give a block's buffer back; its bytes must not be used any more."""
        if isinstance(block.data, mmap.mmap) and len(block.data) == self._block_bytes + PADDING:
            self._free.append(block.data)

    def _buffer(self, size: int) -> mmap.mmap:
        while self._free:
            if len(buffer := self._free.pop()) == size + PADDING:
                return buffer
        # Mapped, not allocated: memory that a small log never fills is never touched, and large pages are few.
        buffer = mmap.mmap(-1, size + PADDING)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):
                buffer.madvise(mmap.MADV_HUGEPAGE)
        return buffer

    def _fill(self, view: memoryview) -> int:
        try:
            got = self._opened.stream.readinto(view) or 0
        except OSError as error:
            raise SourceError(f"{self._opened.source.name} cannot be read: {error.strerror or error}") from None
        self._opened.digests.content.update(view[:got])
        return got


@contextmanager
def spooled(sources: Sequence[Source], folder: str) -> Iterator[list[Source]]:
    """The sources with standard input, which can be read only once, copied to a file in the folder."""
    result = []
    for source in sources:
        if source.path is None:
            path = os.path.join(folder, "stdin")
            with open(path, "wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, _PIPE_BYTES)
            source = Source(source.name, path)
        result.append(source)
    yield result
