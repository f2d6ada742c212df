"""A DuckDB connection that sees the tables by their names, and nothing else.

The rule: whoever writes SQL here, chatlogs or a user, can read the store's files and no other, can write
nothing, and cannot change that. Times are shown in UTC, whatever the machine's clock says.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TypeVar

import duckdb

from chatlogs import engine
from chatlogs.errors import EXIT_FAILED, EXIT_USAGE, QueryError
from chatlogs.keeping import damage
from chatlogs.keeping.deltas import SCHEMA_FILE

T = TypeVar("T")
Files = Mapping[str, Sequence[str]]

_READING = re.compile(
    r"(\(|\b(select|from|with|values|table|describe|desc|show|summarize|pivot|unpivot|explain)\b)", re.I
)
_COMMENTS = re.compile(r"(\s+|--[^\n]*(\n|$)|/\*.*?\*/)*", re.DOTALL)
_EXPLAIN = re.compile(r"explain(\s+analyze)?(\s*\([^)]*\))?", re.I)
_LONGEST = 1e9  # Seconds that a query may be given: DuckDB counts no more milliseconds.

_AS_WRITTEN = (duckdb.ParserException, duckdb.SyntaxException, duckdb.BinderException, duckdb.CatalogException)
_DAMAGE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException, duckdb.InternalException)


class SqlError(QueryError):
    """DuckDB refused or failed a query; the message is DuckDB's. What fails as it runs exits with 1."""

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.exit_code = EXIT_USAGE if isinstance(cause, _AS_WRITTEN) else EXIT_FAILED


def connect(files: Files, *, timeout: float | None = None, allow: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """A locked connection over these files, by table; ask through a cursor() of it, one for each question.

    A query that runs longer than `timeout` seconds is stopped. `allow` names files and folders it may read besides.
    """
    connection = engine.connect()
    try:
        for table in files:
            with suppress(duckdb.Error):  # A damaged table: the others can be asked all the same. See `damaged`.
                connection.execute(f"create view {table} as from {relation(files[table])}")
        # DuckDB checks a pattern before it reads it, so a folder with brackets in its name is allowed twice.
        names = {os.path.dirname(path) for paths in files.values() for path in paths}
        wanted = [os.path.abspath(path) for path in allow]
        names |= {path for path in wanted if os.path.isdir(path)}
        folders = sorted(names | {glob.escape(name) for name in names})
        connection.execute(f"set allowed_paths = {_texts([path for path in wanted if not os.path.isdir(path)])}")
        connection.execute(f"set allowed_directories = {_texts(folders)}")
        connection.execute("set global TimeZone = 'UTC'")
        if timeout:
            connection.execute(f"set global max_execution_time = {max(1, round(timeout * 1000))}")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def relation(paths: Sequence[str], *, short: bool = False) -> str:
    """SQL that reads these files; `short` writes them as one pattern where that means the same files just now."""
    folders = {os.path.dirname(path) for path in paths}
    if short and len(folders) == 1:
        pattern = os.path.join(glob.escape(folders.pop()), "*.parquet")
        if sorted(glob.glob(pattern)) == sorted(paths):
            return f"read_parquet({_text(pattern)})"
    # DuckDB guesses the rows of all files from the first one, and puts the larger side of a join where it belongs
    # only when that guess is not 0.
    with_rows_first = sorted(paths, key=lambda path: os.path.basename(path) == SCHEMA_FILE)
    return f"read_parquet({_texts([glob.escape(path) for path in with_rows_first])})"


def check_limit(timeout: float | None) -> None:
    """QueryError for a time limit that is none."""
    if timeout is not None and not 0 <= timeout <= _LONGEST:
        raise QueryError(f"a time limit is a number of seconds, or 0 for none, and not {timeout:g}.")


def check_reading(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """QueryError unless `query` is one statement that only reads."""
    with said_plainly():
        statements = connection.extract_statements(query)
    if len(statements) != 1:
        count = len(statements) or "no"
        raise QueryError(f"one statement at a time: this text holds {count} statements.")
    kind = statements[0].type.name
    body = query[_COMMENTS.match(query).end() :]  # type: ignore[union-attr]
    # A statement's type alone does not tell: EXPLAIN ANALYZE COPY runs the copy, and MULTI is PIVOT or more.
    if kind not in ("SELECT", "EXPLAIN", "MULTI") or not _READING.match(body):
        raise QueryError(f"only queries that read are allowed here; this is a {kind} statement.")
    if explained := _EXPLAIN.match(body):
        check_reading(connection, body[explained.end() :])


def check_values(connection: duckdb.DuckDBPyConnection, query: str, given: Collection[str]) -> None:
    """QueryError unless each $name in `query` has a value, and each value a $name."""
    with said_plainly():
        named = {name for statement in connection.extract_statements(query) for name in statement.named_parameters}
    for name in sorted(named.difference(given)):
        if name.isdecimal():
            raise QueryError("the query has a value without a name: write $name where it stands.")
        raise QueryError(f"the query has no value for ${name}: give it with -p {name}=VALUE (Python: {name}=VALUE).")
    for name in sorted(set(given) - named):
        raise QueryError(f"there is no ${name} in the query to give a value.")


def check_condition(connection: duckdb.DuckDBPyConnection, condition: str | None) -> None:
    """SqlError unless `condition` can be asked as it stands: one that closes brackets of ours says something else."""
    if condition and condition.strip():
        with said_plainly():
            connection.extract_statements(f"select 1 where ({condition}\n)")
            (statement,) = connection.extract_statements(f"select 1 where {condition}\n")
            if named := sorted(statement.named_parameters):
                raise duckdb.BinderException(f"it has no value for ${named[0]}.")


def run(connection: duckdb.DuckDBPyConnection, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """The answer to a question, on a cursor of its own; Ctrl-C stops it at once.

    It runs in a thread because DuckDB, when it works in the main one, may not notice the signal for minutes.
    """
    cursor = connection.cursor()
    with ThreadPoolExecutor(1) as worker:
        answer = worker.submit(question, cursor)
        try:
            while not wait([answer], timeout=1).done:  # A wait without end would not be woken on every system.
                pass
        except BaseException:
            cursor.interrupt()
            raise
        return answer.result()


@contextmanager
def said_plainly(timeout: float | None = None) -> Iterator[None]:
    """DuckDB's errors as one sentence."""
    try:
        yield
    except duckdb.InterruptException:
        limit = f" of {timeout:g} s" if timeout else ""
        raise SqlError(f"the query was stopped: it reached the time limit{limit}.") from None
    except duckdb.Error as error:
        raise SqlError(_sentence(str(error)), error) from error


def damaged(error: SqlError, files: Files) -> str | None:
    """The file of the store that cannot be read, where that is what a query failed for."""
    cause, told = error.__cause__, str(error.__cause__)
    if isinstance(cause, duckdb.CatalogException):  # The table's view could not be made: see `connect`.
        name = re.search(r"Table with name (\w+) does not exist", told)
        return damage.find(files[name[1]], told) if name and name[1] in files else None
    paths = [path for of_table in files.values() for path in of_table]
    if type(cause) is duckdb.Error:  # It names no file.
        return damage.find(paths, told)
    return damage.named(paths, told) if isinstance(cause, _DAMAGE) else None


def _sentence(message: str) -> str:
    """The message without the echo of the query, on one line."""
    told, _, _ = message.partition("\n\nLINE ")
    if forbidden := re.match(r'Permission Error: Cannot access file "(.*)" - file system', told):
        return f"the query may read the tables and no other file; name {forbidden[1]} in --allow (Python: allow=)."
    return " ".join(told.split()) or "DuckDB could not run the query."


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
