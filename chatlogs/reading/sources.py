"""Paths in, logs out: files, folders, globs and standard input, each log once and in the order of time."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chatlogs.errors import SourceError

STDIN = "-"
HEAD_BYTES = 256
_ROTATED = re.compile(r"^(?P<stem>.+?)(?:\.(?P<number>\d{1,4}))?(?P<suffix>\.(?:gz|zst|zstd))?$")
_PIPE_BYTES = 1 << 20
# Tables, code, documents and pictures: passed over in a folder, read when they are named.
_BESIDE_LOGS = (
    ".parquet", ".csv", ".tsv", ".db", ".duckdb", ".sqlite", ".py", ".pyc", ".js", ".ts", ".sh", ".sql", ".ipynb",
    ".toml", ".md", ".rst", ".html", ".css", ".png", ".jpg", ".pdf",
)  # fmt: skip


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
        yield from (os.path.join(path, name) for name in names if _may_be_log(name))


def _may_be_log(name: str) -> bool:
    return not name.startswith((".", "_")) and not name.lower().endswith(_BESIDE_LOGS)


def _age(name: str) -> tuple[str, int, str]:
    """Sorts a log's rotated parts oldest first: the highest number first, the part without one last."""
    match = _ROTATED.match(name)
    if match is None:
        return name, 0, name
    return match["stem"], -int(match["number"] or 0), name


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
