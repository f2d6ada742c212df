"""Logged answers in, a training set out, with a record of where each line came from.

The rule: every answer that was asked about is a line or is counted under the reason it is none; the same logs give
the same bytes; and the files are there when all of them are written, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

import msgspec

from chatlogs import temporary
from chatlogs.asking.examples import FORMATS, LEFT_OUT
from chatlogs.asking.queries import Filters
from chatlogs.errors import ChatlogsError, OptionError
from chatlogs.schema import KEYS
from chatlogs.tally import counted
from chatlogs.telling import training
from chatlogs.telling.report import replacing
from chatlogs.telling.validate import is_valid
from chatlogs.version import version

if TYPE_CHECKING:
    from typing import Unpack

    import polars as pl
    import pyarrow as pa

    from chatlogs.asking.answers import Filtered
    from chatlogs.asking.logs import Logs

TEST_SHARE = 0.1
_ROWS_AT_ONCE = 1000
_ORIGIN = (*(key.name for key in KEYS), "choice_index", "source", "line_number", "byte_offset")
_CHOSEN = ("since", "until", "tz", "model", "where", "limit")
_MESSAGE = ("role", "content", "content_parts", "name", "tool_call_id", "tool_calls")


@dataclass(frozen=True)
class ExportReport:
    """What became of the answers: examples + the counts of left_out = answers.

    An answer is a choice, or a response without any. left_out has a count for each reason of LEFT_OUT that occurred.
    """

    format: str
    files: dict[str, int]  # Examples by file.
    answers: int
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        return sum(self.files.values())

    @property
    def balanced(self) -> bool:
        return self.examples + sum(self.left_out.values()) == self.answers

    @property
    def reasons(self) -> pl.DataFrame:
        """A row for each reason for which answers are left out: left_out, answers, why."""
        import polars as pl

        rows = [(reason, count, LEFT_OUT[reason]) for reason, count in self.left_out.items()]
        return pl.DataFrame(rows, {"left_out": pl.String, "answers": pl.Int64, "why": pl.String}, orient="row")

    def __str__(self) -> str:
        parts = " and ".join(f"{count:,} in {name}" for name, count in self.files.items())
        return f"{counted(self.examples, 'examples')} of {counted(self.answers, 'answers')}: {parts} ({self.format})"


@dataclass(frozen=True)
class Wanted:
    """What to write: see `export`."""

    format: str = "openai"
    test: str | None = None
    test_share: float = TEST_SHARE
    all_turns: bool = False
    duplicates: bool = False

    def check(self, out: str) -> None:
        """OptionError for what cannot be."""
        if self.format not in FORMATS:
            raise OptionError(f"there is no format '{self.format}' for training sets. Known: {', '.join(FORMATS)}.")
        if not 0 < self.test_share < 1:
            raise OptionError(f"the share of tests is between 0 and 1, and not {self.test_share:g}.")
        if self.test is not None and (not self.test or os.path.realpath(self.test) == os.path.realpath(out)):
            raise OptionError("the tests go to a file of their own: name another one.")


def export(
    logs: Logs,
    out: str | os.PathLike[str],
    *,
    format: str = "openai",
    test: str | None = None,
    test_share: float = TEST_SHARE,
    all_turns: bool = False,
    duplicates: bool = False,
    **chosen: Unpack[Filtered],
) -> ExportReport:
    """Write the answers that a model can be trained on, each with its prompt, as JSON lines or Parquet.

    format: 'openai', 'trl', 'sharegpt' or 'parquet'. test: a second file for `test_share` of the conversations; those
    that begin alike are never in both. all_turns: train on earlier answers of a conversation too. duplicates: keep
    equal examples. `chosen` narrows the responses as it does for reports; limit: the first so many examples. Beside
    FILE come FILE.lineage.jsonl, which says where each line came from, and FILE.manifest.json. Raises
    OptionError, QueryError, and ChatlogsError when a file cannot be written; then none of them is.
    """
    wanted = Wanted(format, test, test_share, all_turns, duplicates)
    return write(logs, os.fspath(out), wanted, Filters(**chosen))


def write(logs: Logs, out: str, wanted: Wanted, filters: Filters) -> ExportReport:
    """The same with what is asked for in two values."""
    wanted.check(out)
    try:
        return logs.take("examples", filters, lambda batches: _written(logs, batches, out, wanted, filters))
    except OSError as error:
        raise ChatlogsError(f"cannot write {error.filename or out}: {error.strerror or error}.") from error


def stream(logs: Logs, out: IO[bytes], wanted: Wanted, filters: Filters) -> ExportReport:
    """The same to an open file, without anything beside it."""
    folder = temporary.folder()
    try:
        report = write(logs, os.path.join(folder, "examples"), wanted, filters)
        with open(os.path.join(folder, "examples"), "rb") as made:
            shutil.copyfileobj(made, out)
        return ExportReport(report.format, {"stdout": report.examples}, report.answers, report.left_out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(logs: Logs, batches: Iterable[pa.RecordBatch], out: str, wanted: Wanted, filters: Filters) -> ExportReport:
    """Every file, written beside its place and put there at the end."""
    is_device = os.path.exists(out) and not os.path.isfile(out)  # There is no place beside a pipe.
    with ExitStack() as held:
        places = {name: held.enter_context(replacing(name)) for name in (out, wanted.test) if name is not None}
        lineage = held.enter_context(replacing(os.devnull if is_device else f"{out}.lineage.jsonl"))
        manifest = held.enter_context(replacing(os.devnull if is_device else f"{out}.manifest.json"))
        with ExitStack() as opened:
            files = {name: opened.enter_context(_file(name, place, wanted)) for name, place in places.items()}
            origins = opened.enter_context(open(lineage, "wb"))
            report = _sorted(batches, files, origins, wanted, filters.limit)
        with open(manifest, "wb") as file:
            file.write(_manifest(logs, report, places, wanted, filters))
    return report


def _sorted(
    batches: Iterable[pa.RecordBatch], files: Mapping[str, _File], origins: IO[bytes], wanted: Wanted, limit: int
) -> ExportReport:
    """Each answer into its file, or under its reason."""
    import xxhash

    left_out: Counter[str] = Counter()
    counts = dict.fromkeys(files, 0)
    seen: set[bytes] = set()
    answers = 0
    for row in (row for batch in batches for row in _rows(batch)):
        if limit and sum(counts.values()) == limit:
            break
        answers += 1
        name = _place(row, list(files), wanted)
        line = files[name].line(row) if row["left_out"] is None else None
        if line is None:
            left_out[row["left_out"] or "unfit"] += 1
            continue
        digest = xxhash.xxh3_128_digest(line)
        if digest in seen and not wanted.duplicates:
            left_out["duplicate"] += 1
            continue
        seen.add(digest)
        files[name].add(row, line)
        counts[name] += 1
        origin = {"file": os.path.basename(name), "line": counts[name], **{key: row[key] for key in _ORIGIN}}
        origins.write(msgspec.json.encode(origin) + b"\n")
    told = {reason: left_out[reason] for reason in LEFT_OUT if left_out[reason]}
    return ExportReport(wanted.format, counts, answers, told)


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    for row in batch.to_pylist():
        for name in ("messages", "calls"):
            row[name] = None if row[name] is None else msgspec.json.decode(row[name])
        yield row


def _place(row: Mapping[str, Any], files: Sequence[str], wanted: Wanted) -> str:
    """The file that an example goes to. A conversation's begin decides, so that none is in both."""
    import xxhash

    if len(files) == 1 or row["left_out"] is not None:
        return files[0]
    drawn: int = xxhash.xxh3_64_intdigest(training.opening(row).encode())
    return files[drawn < wanted.test_share * 2**64]


class _File(Protocol):
    """A file of examples being written."""

    def line(self, row: Mapping[str, Any]) -> bytes | None:
        """What the example says, by which equal ones are told; None where it cannot be in this file."""

    def add(self, row: Mapping[str, Any], line: bytes) -> None:
        """Write the example."""


@contextmanager
def _file(name: str, place: str, wanted: Wanted) -> Iterator[_File]:
    """The file at a place, whose failures are told by its name."""
    try:
        with _Parquet(place) if wanted.format == "parquet" else _Lines(place, wanted) as file:
            yield file
    except OSError as error:
        if error.filename in (None, place):
            error.filename = name
        raise


class _Lines:
    """A file of JSON lines being written."""

    def __init__(self, place: str, wanted: Wanted) -> None:
        self._place, self._wanted = place, wanted

    def __enter__(self) -> _Lines:
        self._file = open(self._place, "wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def line(self, row: Mapping[str, Any]) -> bytes | None:
        """The example's line; None where the format cannot hold it, or a check of the file would find an error."""
        made = training.FORMATS[self._wanted.format](row, all_turns=self._wanted.all_turns)
        line = None if made is None else msgspec.json.encode(made) + b"\n"
        return line if line is not None and is_valid(line, self._wanted.format) else None

    def add(self, _: Mapping[str, Any], line: bytes) -> None:
        self._file.write(line)


class _Parquet:
    """A Parquet file being written: a row an example, the answer the last of its messages."""

    def __init__(self, place: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        said = pa.struct([(name, pa.string()) for name in _MESSAGE])
        whole = {"completion_key", "choice_index", "line_number", "byte_offset"}
        origin = [(name, pa.int64() if name in whole else pa.string()) for name in _ORIGIN]
        more = [("messages", pa.list_(said)), ("reasoning", pa.string()), ("tools", pa.string())]
        self._schema = pa.schema(origin + more)
        self._rows: list[dict[str, Any]] = []
        self._file = pq.ParquetWriter(place, self._schema, compression="zstd")

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()

    def line(self, row: Mapping[str, Any]) -> bytes:
        return msgspec.json.encode([row["messages"], training.answer(row), row["tools"] or row["functions"]])

    def add(self, row: Mapping[str, Any], _: bytes) -> None:
        said = training.answer(row)
        calls = said.get("tool_calls") or said.get("function_call")
        text = msgspec.json.encode(calls).decode() if calls else None
        last = {"role": "assistant", "content": said.get("content"), "tool_calls": text}
        self._rows.append({**row, "messages": [*row["messages"], last], "tools": row["tools"] or row["functions"]})
        if len(self._rows) == _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()


def _manifest(logs: Logs, report: ExportReport, places: Mapping[str, str], wanted: Wanted, filters: Filters) -> bytes:
    """What was asked for and what it gave: enough to make the same files again and to tell them from others."""
    asked = {name: getattr(filters, name) for name in _CHOSEN}
    options = {name: value for name, value in asdict(wanted).items() if name not in ("format", "test")}
    files = []
    for name, place in places.items():
        told: dict[str, Any] = {"file": os.path.basename(name), "examples": report.files[name]}
        if os.path.isfile(place):
            with open(place, "rb") as file:
                told["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(told)
    sources = logs.sql("select source, content_hash, size, lines from sources order by log_number")
    manifest = {
        "chatlogs": version(), "format": report.format, "files": files, "answers": report.answers,
        "examples": report.examples, "left_out": report.left_out, "chosen": asked, "options": options,
        "sources": sources.to_dicts(),
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(manifest, enc_hook=str), indent=2) + b"\n"
