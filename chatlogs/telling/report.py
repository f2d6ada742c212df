"""Answers, written: a table for people, or JSON, CSV, Markdown, Parquet for programs.

The rule: programs get every column, exact and whole, under the names the columns have everywhere. Keys are
only ever added. null is null, times are ISO 8601 in UTC, and no number is rounded.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from chatlogs.errors import ChatlogsError, QueryError
from chatlogs.telling import tables
from chatlogs.telling.tables import Look, inert

if TYPE_CHECKING:
    import polars as pl

SUFFIXES: Mapping[str, str] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".md": "markdown",
    ".parquet": "parquet",
    ".txt": "table",
}

# JSON escapes control characters below 32 by itself; a terminal obeys these as well.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def render(frame: pl.DataFrame, format: str, out: IO[str], look: Look | None = None) -> None:
    """Write the frame to `out` in a text format; Parquet is for save()."""
    if format not in _WRITERS:
        raise QueryError(f"cannot print {format}; write it to a file with -o FILE.")
    _WRITERS[format](frame, out, look or Look())


def save(frame: pl.DataFrame, path: str, format: str, look: Look | None = None) -> None:
    """Write the frame to a file in any format; what was there is replaced once all of it is written."""
    try:
        with replacing(path) as written:
            if format == "parquet":
                frame.write_parquet(written)
                return
            with open(written, "w", encoding="utf-8", newline="") as file:
                render(frame, format, file, look)
    except OSError as error:
        raise ChatlogsError(f"cannot write {path}: {error.strerror or error}.") from error


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """A file beside `path` that takes its place when it is written; the path itself where that cannot be.

    A device or a pipe is written to, and so is a file in a folder that takes no others.
    """
    target = os.path.realpath(path)
    is_there = os.path.exists(target)
    folder, name = os.path.split(target)
    if (is_there and not os.path.isfile(target)) or not os.access(folder, os.W_OK):
        yield path
        return
    if is_there and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}.tmp")
    try:
        yield temporary
        if is_there:
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def plain(value: Any) -> Any:
    """A value as JSON has it: text, numbers, true, false, null, lists and objects; a Decimal is a number."""
    if value is None or isinstance(value, (str, int, Decimal)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has no NaN and no infinity.
    if isinstance(value, dt.datetime):
        utc = value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z" if value.tzinfo else value.isoformat()
        return utc
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def dump(value: Any) -> str:
    """A plain value as one line of JSON, safe to print."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", _as_json(value))


def _as_json(value: Any) -> str:
    """A plain value as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:  # There is a Decimal in it, which json cannot write as it is.
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, list):
            return f"[{', '.join(map(_as_json, value))}]"
        return "{" + ", ".join(f"{_as_json(name)}: {_as_json(item)}" for name, item in value.items()) + "}"


def _json(frame: pl.DataFrame, out: IO[str], _: Look) -> None:
    """An array with a row a line."""
    before = "[\n "
    for row in _plain_rows(frame):
        out.write(before + dump(row))
        before = ",\n "
    out.write("\n]\n" if frame.height else "[]\n")


def _jsonl(frame: pl.DataFrame, out: IO[str], _: Look) -> None:
    out.writelines(dump(row) + "\n" for row in _plain_rows(frame))


def _csv(frame: pl.DataFrame, out: IO[str], _: Look) -> None:
    _separated(frame, out, ",")


def _tsv(frame: pl.DataFrame, out: IO[str], _: Look) -> None:
    _separated(frame, out, "\t")


def _separated(frame: pl.DataFrame, out: IO[str], separator: str) -> None:
    """As RFC 4180, with a heading: null is an empty field, empty text is quoted, lists and objects are JSON."""

    def line(values: Sequence[Any]) -> str:
        text = separator.join(_field(value, separator) for value in values) + "\n"
        return inert(text, lines=True) if out.isatty() else text

    out.write(line(frame.columns))
    out.writelines(line(list(row.values())) for row in _plain_rows(frame))


def _field(value: Any, separator: str) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _as_json(value)
    if text and not any(char in text for char in (separator, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'


def _markdown(frame: pl.DataFrame, out: IO[str], look: Look) -> None:
    names = [name for name in frame.columns if name not in look.hidden]

    def line(texts: Sequence[str]) -> str:
        return "| " + " | ".join(texts) + " |\n"

    out.write(line(names) + line(["---:" if frame.schema[name].is_numeric() else "---" for name in names]))
    for row in tables.cells(frame, look):
        out.write(line([_escaped(text) for text in row]))
    for row in tables.total_cells(frame, look):
        out.write(line([f"**{_escaped(text)}**" if text else "" for text in row]))


def _escaped(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\|`*<>\[\]]|\b_|_\b)", r"\\\1", text)


def _plain_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in frame.iter_rows(named=True):
        yield {name: plain(value) for name, value in row.items()}


_WRITERS: Mapping[str, Callable[[Any, IO[str], Look], None]] = {
    "table": tables.write_table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "tsv": _tsv,
    "markdown": _markdown,
}
