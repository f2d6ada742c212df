"""Logs in an object store, as if they were files: listed, sized and read through Arrow's own S3 client.

Who may read, in which region and at which endpoint is told by AWS_* in the environment and by ~/.aws, as to other
programs. What goes wrong is an OSError that says so in few words, as with files.
"""

from __future__ import annotations

import errno
import fnmatch
import functools
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs

SCHEME = "s3://"
_FIRST_READ = 64 << 10  # enough to tell what a log is
_LONGEST_READ = 8 << 20
_MAGIC = re.compile(r"[*?[]")
_REFUSAL = re.compile(r"AWS Error (?P<what>\w+) during (?P<call>\w+) operation: *(?P<why>[^;]*)")


@dataclass(frozen=True)
class Object:
    """One object. url: with the scheme; size: in bytes, as it is stored."""

    url: str
    size: int


def is_object(path: str) -> bool:
    """Whether the path is that of an object store."""
    return path.startswith(SCHEME)


def at(url: str) -> Object | None:
    """The object there, None where there is none."""
    with _said_plainly():
        info = _client(url).get_file_info(url.removeprefix(SCHEME))
    return Object(url, info.size) if info.is_file else None


def below(url: str) -> list[Object]:
    """The objects below a folder: of `s3://bucket/logs` those in `logs/`, and none whose name begins like that."""
    from pyarrow import fs

    selector = fs.FileSelector(url.removeprefix(SCHEME).rstrip("/"), allow_not_found=True, recursive=True)
    with _said_plainly():
        return [Object(SCHEME + info.path, info.size) for info in _client(url).get_file_info(selector) if info.is_file]


def matching(pattern: str) -> list[Object]:
    """The objects that a glob matches, as it matches files: `*` within a name, `**` for any folders."""
    names = pattern.removeprefix(SCHEME).split("/")
    prefix = _MAGIC.split(pattern, maxsplit=1)[0].rpartition("/")[0]
    if len(prefix) < len(SCHEME):
        raise OSError(errno.EINVAL, "name one bucket; only what follows it can be a pattern")
    return [found for found in below(prefix) if _matches(found.url.removeprefix(SCHEME).split("/"), names)]


def has_magic(url: str) -> bool:
    """Whether the path is a pattern."""
    return _MAGIC.search(url) is not None


def open_object(url: str) -> IO[bytes]:
    """The bytes of the object, from its begin on."""
    path, client = url.removeprefix(SCHEME), _client(url)
    with _said_plainly():
        reading = _Reading(client, path, client.get_file_info(path), client.open_input_file(path))
    return cast(IO[bytes], reading)


class _Reading(io.RawIOBase):
    """An object's bytes, asked for in steps that grow: to look at a head costs a small request, all of it few."""

    def __init__(self, client: fs.FileSystem, path: str, info: fs.FileInfo, file: pa.NativeFile) -> None:
        self._client, self._path, self._info, self._file = client, path, info, file
        self._step = _FIRST_READ
        self._ahead = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if not self._ahead:
            with _said_plainly():
                if len(buffer) >= self._step:
                    return self._file.readinto(buffer) or self._end()
                self._ahead = memoryview(self._file.read(self._step))
            self._step = min(4 * self._step, _LONGEST_READ)
            if not self._ahead:
                return self._end()
        count = min(len(buffer), len(self._ahead))
        buffer[:count] = self._ahead[:count]
        self._ahead = self._ahead[count:]
        return count

    def _end(self) -> int:
        """No more bytes. OSError when another object came in the place of this one: who knows of which these were."""
        with _said_plainly():
            now = self._client.get_file_info(self._path)
        if (now.size, now.mtime) != (self._info.size, self._info.mtime):
            raise OSError(errno.ESTALE, "it was replaced while it was read; try again")
        return 0

    def close(self) -> None:
        self._file.close()
        super().close()


def _client(url: str) -> fs.FileSystem:
    return _client_of(url.removeprefix(SCHEME).partition("/")[0])


@functools.cache
def _client_of(bucket: str) -> fs.FileSystem:
    """The client for a bucket, which may lie in another region than the next one."""
    from pyarrow import fs

    if not bucket:
        raise OSError(errno.EINVAL, "no bucket is named")
    if "@" in bucket:  # the name of a log is stored
        raise OSError(errno.EINVAL, "keys are told by AWS_ACCESS_KEY_ID and the like, not in a path")
    with _said_plainly():
        try:
            return fs.FileSystem.from_uri(SCHEME + bucket)[0]
        except (ValueError, NotImplementedError) as error:
            raise OSError(errno.EINVAL, str(error)) from None


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Errors of the client in few words."""
    try:
        yield
    except OSError as error:
        said = str(error.args[-1] if error.args else error).splitlines()[0].partition(". Detail:")[0]
        if refusal := _REFUSAL.search(said):
            why = refusal["why"].strip().rstrip(".")
            told = f"{refusal['what'].lower().replace('_', ' ')} ({refusal['call']})"
            said = told if why in ("", "No response body") else f"{told}: {why}"
        raise OSError(error.errno or errno.EIO, said) from None


def _matches(names: list[str], pattern: list[str]) -> bool:
    if not pattern or not names:
        return not names and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(names, pattern[1:]) or (not names[0].startswith(".") and _matches(names[1:], pattern))
    hidden = names[0].startswith(".") and not pattern[0].startswith(".")
    return not hidden and fnmatch.fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])
