"""Logs: the tables of a store, or of raw logs, and the questions one asks of them.

The rule: tables are lazy frames, answers are small frames, and each question sees one whole state of the
store as of now. Nothing asked here changes anything.
"""

from __future__ import annotations

import html
import itertools
import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import duckdb
import polars as pl

from chatlogs import sql, temporary
from chatlogs.asking import batches, exchange, pricing, queries, session
from chatlogs.asking.answers import Answers
from chatlogs.asking.explaining import explained
from chatlogs.asking.frames import frame as _frame
from chatlogs.asking.periods import zone
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import ALL
from chatlogs.errors import QueryError, StoreError
from chatlogs.keeping import damage
from chatlogs.keeping.staging import reason
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from chatlogs.tally import IngestReport

T = TypeVar("T")
Allowed = str | Path | Sequence[str | Path]


class Logs(Answers):
    """The tables and what can be asked of them; chatlogs.open and chatlogs.read make one.

    Use it as a context manager, or close() it, when it holds raw logs: they lie in a temporary folder.
    """

    def __init__(self, files: Callable[[], session.Files], *, path: str) -> None:
        """`files` gives the files of every table as of now; it is asked before each question."""
        self.path = path
        self.name = path  # What people know it by.
        self.ingest_report: IngestReport | None = None
        self._files_now = files
        self._files: session.Files = {}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._folder: Callable[[], object] | None = None
        self._priced: tuple[Any, session.Files, dict[str, str]] | None = None  # What _parts made last, and for what.

    @classmethod
    def open(cls, path: str | Path) -> Logs:
        """The store at `path`; StoreError when there is none."""
        from chatlogs.keeping.store import Store

        store = Store.open(path)

        seen: tuple[int, session.Files] = (-1, {})

        def files() -> session.Files:
            nonlocal seen
            snapshot = store.snapshot()
            if snapshot.version != seen[0]:  # The ledger's version stands for those of all tables.
                seen = (snapshot.version, {table: snapshot.files(table) for table in TABLES})
            return seen[1]

        return cls(files, path=store.path)

    @classmethod
    def read(cls, paths: str | Path | Sequence[str | Path], **options: Any) -> Logs:
        """Raw logs, read into a temporary store; `options` are those of chatlogs.ingest.

        What was read is in `.ingest_report`. The store goes when this object does.
        """
        from chatlogs.moving.ingest import ingest

        folder = temporary.folder()
        try:
            report = ingest(paths, os.path.join(folder, "store"), **options)
            logs = cls.open(os.path.join(folder, "store"))
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, StoreError) and isinstance(error.__cause__, OSError):
                raise temporary.no_room(folder, reason(error.__cause__)) from error
            raise
        logs.ingest_report = report
        logs.name = temporary.named(paths)
        logs._files_now = temporary.kept(logs._files_now, logs.name)
        logs._folder = weakref.finalize(logs, shutil.rmtree, folder, ignore_errors=True)
        return logs

    def close(self) -> None:
        """Let go of files, and of the temporary store of raw logs."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._folder:
            self._folder()

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def completions(self) -> pl.LazyFrame:
        """One row per response."""
        return self.table("completions")

    @property
    def choices(self) -> pl.LazyFrame:
        """One row per choice of a response."""
        return self.table("choices")

    @property
    def tool_calls(self) -> pl.LazyFrame:
        """One row per tool call of a choice."""
        return self.table("tool_calls")

    @property
    def messages(self) -> pl.LazyFrame:
        """One row per message of a request, when the log holds requests."""
        return self.table("messages")

    @property
    def logprobs(self) -> pl.LazyFrame:
        """One row per token with a log probability; empty unless kept on ingest."""
        return self.table("logprobs")

    @property
    def chunks(self) -> pl.LazyFrame:
        """One row per chunk; empty unless kept on ingest or captured with times."""
        return self.table("chunks")

    @property
    def rejects(self) -> pl.LazyFrame:
        """One row per line that could not be read."""
        return self.table("rejects")

    @property
    def sources(self) -> pl.LazyFrame:
        """One row per log that was read."""
        return self.table("sources")

    def table(self, name: str) -> pl.LazyFrame:
        """A table by name, with the declared columns even when it has no rows.

        Collect it before the next ingest into this store: that may replace files this frame reads.
        """
        if name not in TABLES:
            raise QueryError(f"unknown table '{name}'. Known: {', '.join(TABLES)}.")
        files = self._files_now()[name]
        if not files:
            return pl.DataFrame(TABLES[name].arrow().empty_table()).lazy()
        return pl.scan_parquet(list(files), glob=False, hive_partitioning=False)

    def ask(self, report: str, filters: Filters | None = None) -> pl.DataFrame:
        """The answer to a named report; reports.REPORTS lists them and describes their columns."""
        filters = filters or Filters()
        return self._answer(report, queries.build(report, filters, self._parts(report, filters)), filters)

    def ask_together(self, report: str, filters: Filters, groups: Sequence[Sequence[str]]) -> list[pl.DataFrame]:
        """The answers by each of these lists of keys, from one look at the data where the report's SQL can.

        Order and limit of `filters` are for the first of them.
        """
        together = queries.together(report, filters, groups, self._parts(report, filters))
        if not together:
            rest = replace(filters, sort=(), limit=0)
            return [self.ask(report, replace(rest if n else filters, by=keys)) for n, keys in enumerate(groups)]
        rows = self._answer(report, together[0], filters)
        names = [queries.output_columns(ALL[report], query.keys) for query in together]
        marked = [rows.filter(rows[queries.GROUPING] == query.mark) for query in together]
        return [frame.select(columns) for frame, columns in zip(marked, names, strict=True)]

    def take(self, report: str, filters: Filters, made: Callable[[Iterator[pa.RecordBatch]], T]) -> T:
        """What `made` makes of an answer that comes to it in batches, so that its texts are never in memory together.

        It is called anew, with all batches, when a commit took files away.
        """

        def asked(cursor: duckdb.DuckDBPyConnection) -> T:
            session.check_condition(cursor, filters.where)
            return made(batches.of(cursor, report, filters))

        with explained(report, filters):
            return self._run(asked)

    def with_counts(self, audit: pl.DataFrame, filters: Filters) -> pl.DataFrame:
        """The audit with counted tokens of the answers without usage, beside their estimates."""
        from chatlogs.asking import counting

        keys = queries.build("unmetered", filters).keys

        def counts(found: Iterator[pa.RecordBatch]) -> pl.DataFrame:
            return pl.concat([counting.counted(pl.DataFrame(batch), keys) for batch in found])

        count = counting.summed(self.take("unmetered", filters, counts), keys)
        missing = pl.col("rule") == "missing_usage"
        if keys:
            joined = audit.join(count, on=keys, how="left", nulls_equal=True, maintain_order="left")
        else:
            joined = audit.join(count, how="cross")
        return joined.with_columns(pl.when(missing).then(pl.col(name)).alias(name) for name in counting.COLUMNS)

    def show_sql(self, report: str, filters: Filters | None = None) -> str:
        """The report's query as text that runs as it is in plain DuckDB, without chatlogs."""
        files = self._files_now()
        relations = {table: session.relation(paths, short=True) for table, paths in files.items()}
        filters = filters or Filters()
        return queries.standalone(queries.build(report, filters, self._parts(report, filters)).plain, relations)

    @overload
    def sql(self, query: str, as_: Literal["polars"] = ..., **values: Any) -> pl.DataFrame: ...
    @overload
    def sql(self, query: str, as_: Literal["arrow"], **values: Any) -> pa.Table: ...
    @overload
    def sql(self, query: str, as_: Literal["relation"], **values: Any) -> duckdb.DuckDBPyRelation: ...
    def sql(
        self, query: str, as_: str = "polars", *, timeout: float | None = None, allow: Allowed = (), **params: Any
    ) -> Any:
        """The answer to SQL over the tables, by their names; `$name` in the query takes the value of `name`.

        Reports stand there by their names too, as they answer without filters: `from usage where model like 'gpt%'`.
        The query can read these tables, the files and folders in `allow`, and nothing else. sum() of integers comes
        back as Int64 in polars. A relation is not run yet: errors may come when it is.
        """
        if as_ not in ("polars", "arrow", "relation"):
            raise QueryError(f"as_ is 'polars', 'arrow' or 'relation', not '{as_}'.")
        session.check_limit(timeout)
        views = queries.views(query, self._parts)

        def run(cursor: duckdb.DuckDBPyConnection) -> Any:
            session.check_reading(cursor, query)
            session.check_values(cursor, query, params)
            for name, view in views.items():
                cursor.execute(f"create or replace temp view {name} as {view}")
            relation = cursor.sql(query, params=params or None)
            return _frame(relation) if as_ == "polars" else relation.to_arrow_table() if as_ == "arrow" else relation

        allowed = [allow] if isinstance(allow, str | Path) else allow
        return self._run(run, timeout=timeout, allow=tuple(map(str, allowed)))

    def show(self, id: str) -> dict[str, pl.DataFrame]:
        """The rows of every response with this id, by table; several when servers reused the id.

        Where no response has that id it is tried as completion_key, request_id and custom_id. QueryError when
        nothing goes by it.
        """
        parts = self._run(lambda cursor: exchange.find(cursor, id))
        if parts is None:
            raise self._run(lambda cursor: exchange.not_found(cursor, [id], self.name))
        return parts

    def __repr__(self) -> str:
        return f"<chatlogs.Logs {self.name}>"

    def _repr_html_(self) -> str:
        row = self.summary().row(0, named=True)
        told = {
            name: row[name] for name in ("responses", "models", "total_tokens", "first_seen", "last_seen", "rejects")
        }
        cells = "".join(f"<tr><th>{name}</th><td>{html.escape(_say(value))}</td></tr>" for name, value in told.items())
        return f"<table><caption>{html.escape(self.name)}</caption>{cells}</table>"

    def _answer(self, report: str, query: queries.Query, filters: Filters) -> pl.DataFrame:
        def asked(cursor: duckdb.DuckDBPyConnection) -> pl.DataFrame:
            for condition in (filters.where, *self._sides(report, filters).values()):
                session.check_condition(cursor, condition)
            return _frame(cursor.sql(query.sql, params=dict(query.values)))

        with explained(report, filters):
            frame = self._run(asked)
        if "hour" in frame.columns and filters.tz.upper() != "UTC":
            zone(filters.tz)
            frame = frame.with_columns(pl.col("hour").dt.convert_time_zone(filters.tz))
        return frame

    def _parts(self, report: str, filters: Filters) -> dict[str, str]:
        """What a report's SQL takes from elsewhere: prices for what is in these logs."""
        if not ALL[report].added:
            return {}
        asked = (filters.prices, filters.what_if, filters.bill)
        if self._priced is None or self._priced[:2] != (asked, self._files) or self._files != self._files_now():
            found = self._run(lambda cursor: cursor.sql(sql.text("spans")).fetchall())
            self._priced = (asked, self._files, pricing.parts(found, filters))
        return self._priced[2] | self._sides(report, filters)

    def _sides(self, report: str, filters: Filters) -> dict[str, str]:
        """The two sides of a comparison as SQL."""
        if report != "diff":
            return {}
        from chatlogs.asking import comparing

        return comparing.parts(filters)

    def _run(
        self,
        question: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        timeout: float | None = None,
        allow: Sequence[str] = (),
    ) -> T:
        """The answer to a question, on a cursor of its own; asked once more when a commit took files away."""
        for attempt in (1, 2):
            try:
                connection = self._connect(timeout, allow)
                with session.said_plainly(timeout):
                    return session.run(connection, question)
            except session.SqlError as error:
                gone = isinstance(error.__cause__, duckdb.IOException)
                if not gone or attempt == 2 or self._files_now() == self._files:
                    if file := session.damaged(error, self._files_now()):
                        raise self._damaged(file) from error
                    raise
            except pl.exceptions.PolarsError as error:
                if file := damage.find(list(itertools.chain(*self._files_now().values())), str(error)):
                    raise self._damaged(file) from error
                raise session.SqlError(
                    f"polars cannot hold a column of this answer: {error}; cast it to varchar."
                ) from error
        raise AssertionError("unreachable")

    def _damaged(self, file: str) -> StoreError:
        """The error for a file that cannot be read."""
        return temporary.gone(self.name) if self._folder else damage.sentence(self.path, file)

    def _connect(self, timeout: float | None, allow: Sequence[str]) -> duckdb.DuckDBPyConnection:
        """A connection over the files of now; a new one when they changed."""
        files = self._files_now()
        if timeout or allow:
            return session.connect(files, timeout=timeout, allow=allow)
        if self._connection is None or files != self._files:
            self._connection, self._files = session.connect(files), files
        return self._connection


def _say(value: Any) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
