"""Paths in, logs out: files, objects, folders, globs and standard input, each log once and in the order of time."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from chatlogs.errors import SourceError
from chatlogs.reading import objects
from chatlogs.reading.cassettes import CASSETTE_HEAD, is_cassette
from chatlogs.reading.objects import Object

STDIN = "-"
HEAD_BYTES = 256
# What stands behind the name of a log: a date, from the year down to the second, or a number.
_PART = re.compile(
    r"^(?P<stem>.+?)(?:[._-](?P<date>(?:19|20)\d\d(?:[-_T:]?\d\d)*)|\.(?P<number>\d+))?(?:\.(?:gz|zst|zstd|bz2|xz))?$"
)
_MOST_ROTATIONS = 9999
# Tables, code, documents and pictures: passed over in a folder, read when they are named.
_BESIDE_LOGS = (
    ".parquet", ".csv", ".tsv", ".db", ".duckdb", ".sqlite", ".py", ".pyc", ".js", ".ts", ".sh", ".sql", ".ipynb",
    ".toml", ".md", ".rst", ".html", ".css", ".png", ".jpg", ".pdf",
)  # fmt: skip
_YAML = (".yaml", ".yml")
_HIDDEN = (".", "_")
_LEDGER_LOG = "/sources/_delta_log/"  # below the place of a store


@dataclass(frozen=True)
class Source:
    """One log. `name` is what the user calls it; `path` is None for standard input.

    listed_size: of an object, as it was when it was found.
    """

    name: str
    path: str | None
    listed_size: int | None = None

    @property
    def stored_size(self) -> int | None:
        """Bytes as they are stored, None when that cannot be known."""
        if self.path is None or self.is_object:
            return self.listed_size
        try:
            return os.path.getsize(self.path)
        except OSError:
            return None

    def open(self) -> IO[bytes]:
        """Its bytes as they are stored, unbuffered; standard input must not be closed. Raises OSError."""
        if self.path is None:
            return sys.stdin.buffer
        return objects.open_object(self.path) if self.is_object else open(self.path, "rb", buffering=0)

    @property
    def is_object(self) -> bool:
        """Whether it lies in an object store, where each look costs a request."""
        return self.path is not None and objects.is_object(self.path)

    @property
    def is_read_once(self) -> bool:
        """Whether its bytes are gone once they were read: standard input, a pipe, what is no file."""
        return self.path is None or not (self.is_object or _may_be_file(self.path))


def find(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Source]:
    """The logs that files, globs, folders, `s3://` and `-` name, each once, rotated ones oldest first.

    Explicit paths keep their order; what a folder or glob yields is sorted by name, and `app.log.2.gz`,
    `app.log.1`, `app.log` by age, while dates and the numbers of a log that was split, `.00` and `.01`, count up.
    Raises SourceError for what does not exist.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: dict[str, Source] = {}
    for path in given:
        for source in _expand(os.fspath(path)):
            found.setdefault(_place(source), source)
    if not found:
        raise SourceError("no log was named; give files, folders, globs, s3://, or - for standard input")
    return list(found.values())


def _place(source: Source) -> str:
    """Where it lies: the same of a log that is named twice."""
    return source.name if source.path is None or source.is_object else os.path.realpath(source.path)


def _expand(path: str) -> Iterator[Source]:
    if not path:
        raise SourceError("a path is empty, maybe a variable that is not set; give files, folders, globs, s3://, or -")
    if path == STDIN:
        yield Source(STDIN, None)
    elif objects.is_object(path):
        sizes = {found.url: found.size for found in _objects_at(path)}
        yield from (Source(url, url, sizes[url]) for url in _by_age(list(sizes)))
    elif os.path.isdir(path):
        names = list(_files_of(path))
        if not names:
            raise SourceError(_without_logs(path))
        yield from map(_named, _by_age(names))
    elif os.path.exists(path):
        yield _named(path)
    elif glob.has_magic(path):
        names = [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]
        if not names:
            raise SourceError(f"no file matches {path}")
        yield from map(_named, _by_age(names))
    else:
        raise SourceError(f"{path} does not exist")


def _named(path: str) -> Source:
    """The log there. Names are bytes to the system: those that are no UTF-8 are escaped where the name is told."""
    return Source(os.fsencode(path).decode("utf-8", "backslashreplace"), path)


def _objects_at(path: str) -> list[Object]:
    """The objects that a path names, by the rules of files."""
    try:
        one = objects.at(path)
        found = [one] if one else objects.matching(path) if objects.has_magic(path) else _below(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    if not found:
        raise SourceError(f"no object matches {path}" if objects.has_magic(path) else f"{path} holds no logs")
    return found


def _below(prefix: str) -> list[Object]:
    """The objects below a prefix, but for hidden ones, whole stores, and what lies beside logs."""
    folder = prefix.rstrip("/") + "/"
    below = {found.url.removeprefix(folder): found for found in objects.below(prefix)}
    stores = {name.partition(_LEDGER_LOG)[0] for name in ("/" + name for name in below) if _LEDGER_LOG in name}
    if "" in stores:
        raise SourceError(f"{prefix} is a store: stores are asked on local disks, copy it to one")
    return [
        found
        for name, found in below.items()
        if not any(part.startswith(_HIDDEN) for part in name.split("/"))
        and not any(f"/{name}".startswith(f"{store}/") for store in stores)
        and _may_hold_log(Source(found.url, found.url, found.size))
    ]


def _files_of(folder: str) -> Iterator[str]:
    """The files of a folder and those below, but for hidden ones, whole stores, and what lies beside logs."""

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}")

    for path, folders, names in os.walk(folder, onerror=refuse):
        if _is_store(path):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        yield from (os.path.join(path, name) for name in names if _may_be_log(path, name))


def _without_logs(folder: str) -> str:
    if not _is_store(folder):
        return f"{folder} holds no logs; hidden files, tables, code and documents are passed over: name one to read it"
    if _is_made(folder):
        return f"{folder} is a store: name logs to read"
    return f"{folder} is a store that nothing was read into yet; try again when the ingest is done, or ingest into it"


def _is_store(folder: str) -> bool:
    """Whether a store lies there, or one is just being made."""
    return _is_made(folder) or os.path.isdir(os.path.join(folder, ".staging"))


def _is_made(folder: str) -> bool:
    return os.path.isdir(folder + _LEDGER_LOG)


def _may_be_log(folder: str, name: str) -> bool:
    """False for what is passed over in folders; also for a link to nothing, as rotation and cleaning leave them."""
    path = os.path.join(folder, name)
    if name.startswith(_HIDDEN) or not _may_be_file(path) or (os.path.islink(path) and _leads_nowhere(path)):
        return False
    return _may_hold_log(Source(name, path))


def _may_hold_log(source: Source) -> bool:
    """False for what lies beside logs. YAML may be a cassette, or settings."""
    name = source.name.lower()
    return not name.endswith(_BESIDE_LOGS) and (not name.endswith(_YAML) or _may_be_cassette(source))


def _may_be_cassette(source: Source) -> bool:
    """Whether YAML is a cassette, and no settings; what cannot be read says why when it is opened."""
    try:
        with source.open() as file:
            return is_cassette(file.read(CASSETTE_HEAD))
    except OSError:
        return True


def _leads_nowhere(link: str) -> bool:
    try:
        os.stat(link)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
    return False


def _may_be_file(path: str) -> bool:
    """False for pipes, sockets and devices; what cannot be looked at says why when it is opened."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _by_age(names: Sequence[str]) -> list[str]:
    """The names in order, and of each log its parts oldest first, the one without a date or number last.

    Rotations are numbered backwards, the highest is the oldest. Numbers count up where they are padded with zeros, as
    those of a log that was split, or are too high for rotations; and dates do.
    """
    parts = {name: found for name in names if (found := _PART.match(name))}
    split = {part["stem"] for part in parts.values() if re.match(r"0\d", part["number"] or "")}

    def age(name: str) -> tuple[str, int, int, str]:
        part = parts.get(name)
        if part is None or not (part["date"] or part["number"]):
            return part["stem"] if part else name, 2, 0, name
        if part["stem"] in split and (number := part["number"] or part["date"]).isdigit():
            return part["stem"], 0, int(number), name
        if part["date"]:
            return part["stem"], 0, int(re.sub(r"\D", "", part["date"]).ljust(20, "0")), name
        number = int(part["number"])
        return (part["stem"], 0, number, name) if number > _MOST_ROTATIONS else (part["stem"], 1, -number, name)

    return sorted(names, key=age)
