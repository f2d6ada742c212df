"""Tables are lazy and typed even when empty, answers see the store as of now, and SQL can only read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asked_store
import duckdb
import polars as pl
import pyarrow as pa
import pytest
import store_rows

import chatlogs
from chatlogs.asking.logs import Logs
from chatlogs.errors import ChatlogsError, QueryError, StoreError
from chatlogs.keeping.store import Store
from chatlogs.keeping.upkeep import compact
from chatlogs.schema import TABLES


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asked_store.make(tmp_path_factory.mktemp("asked") / "store")


@pytest.fixture
def logs(store: str) -> Iterator[Logs]:
    with Logs.open(store) as logs:
        yield logs


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_columns_also_when_it_is_empty(tmp_path: Path, name: str) -> None:
    declared = pl.DataFrame(TABLES[name].arrow().empty_table()).schema
    with Logs.open(Store.create(tmp_path / "store").path) as logs:
        frame = getattr(logs, name)
        assert isinstance(frame, pl.LazyFrame)
        assert frame.collect_schema() == declared
        assert frame.collect().is_empty()


def test_tables_that_are_no_files_are_empty_too() -> None:
    logs = Logs(lambda: {table: [] for table in TABLES}, path="nowhere")
    assert logs.chunks.collect_schema().names() == TABLES["chunks"].names


def test_tables_hold_the_rows(logs: Logs) -> None:
    assert logs.completions.collect().height == len(asked_store.RESPONSES)
    assert logs.choices.filter(pl.col("finish_reason") == "length").collect()["content"].to_list() == ["two"]


def test_a_filter_there_is_not_is_named(logs: Logs) -> None:
    with pytest.raises(TypeError, match=r"no filter 'modl'\. Did you mean 'model'"):
        logs.usage(modl="x")  # type: ignore[call-arg]


def test_unknown_tables_are_told(logs: Logs) -> None:
    with pytest.raises(QueryError, match="unknown table 'usage'"):
        logs.table("usage")


def test_an_empty_store_answers(tmp_path: Path) -> None:
    with Logs.open(Store.create(tmp_path / "store").path) as logs:
        assert logs.usage().is_empty()
        assert logs.finish_reasons().is_empty()
        row = logs.summary().row(0, named=True)
        assert (row["responses"], row["prompt_tokens"], row["first_created"]) == (0, None, None)


def test_no_store_is_told() -> None:
    with pytest.raises(StoreError, match="there is no store at /nowhere/at/all: it does not exist"):
        chatlogs.open("/nowhere/at/all")


def test_the_summary_counts_everything(logs: Logs) -> None:
    row = logs.summary().row(0, named=True)
    assert (row["responses"], row["completions"], row["streams"]) == (6, 4, 2)
    assert (row["complete"], row["truncated"], row["errors"]) == (4, 1, 1)
    assert (row["models"], row["fingerprints"], row["rejects"], row["duplicates"]) == (2, 2, 2, 2)
    assert row["total_tokens"] == 4350
    assert logs.summary(model="o1")["responses"][0] == 2


def test_a_question_sees_what_was_ingested_meanwhile(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "store")
    with Logs.open(store.path) as logs:
        assert logs.summary()["responses"][0] == 0
        store_rows.ingest(store, "one", 1)
        assert logs.summary()["responses"][0] == store_rows.RESPONSES
        store_rows.ingest(store, "two", 2)
        compact(store)  # Deletes the files that the last question has read.
        assert logs.summary()["responses"][0] == 2 * store_rows.RESPONSES
        assert logs.completions.collect().height == 2 * store_rows.RESPONSES


class TestSql:
    def test_values_are_bound_by_name(self, logs: Logs) -> None:
        answer = logs.sql("select count(*) as n from completions where model = $m", m="gpt-4o")
        assert answer.item() == 3

    def test_every_table_has_its_name(self, logs: Logs) -> None:
        for name, table in TABLES.items():
            assert logs.sql(f"from {name}").columns == table.names

    def test_tables_that_are_joined_may_have_columns_of_one_name(self, logs: Logs) -> None:
        joined = logs.sql("from completions join choices using (completion_key)")
        assert joined["id"].to_list() == joined["id_1"].to_list() and joined.height == logs.choices.collect().height

    def test_wide_sums_come_back_as_integers(self, logs: Logs) -> None:
        answer = logs.sql("select sum(total_tokens) as t, sum(9223372036854775807) as huge from completions")
        assert answer.schema == {"t": pl.Int64, "huge": pl.Decimal(38, 0)}
        assert answer["t"].item() == 4350

    def test_other_forms(self, logs: Logs) -> None:
        assert isinstance(logs.sql("select 1 as x", as_="arrow"), pa.Table)
        relation = logs.sql("select 1 as x", as_="relation")
        assert isinstance(relation, duckdb.DuckDBPyRelation)
        assert logs.sql("select 2 as x").item() == 2  # An open relation is in nobody's way.
        assert relation.fetchall() == [(1,)]
        with pytest.raises(QueryError, match="as_ is"):
            logs.sql("select 1", as_="pandas")  # type: ignore[call-overload]

    def test_times_are_utc(self, logs: Logs) -> None:
        assert logs.sql("select created from completions").schema["created"] == pl.Datetime("us", "UTC")

    @pytest.mark.parametrize(
        "query",
        [
            "select 1",
            "-- a comment\n /* and another */ from completions limit 1",
            "with x as (select 1) from x",
            "values (1), (2)",
            "describe completions",
            "summarize completions",
            "show tables",
            "explain select 1",
            "explain analyze select 1",
            "pivot (select model, status from completions) on status using count(*)",
            "(select 1) union all (select 2)",
            "select 1;",
        ],
    )
    def test_what_reads_runs(self, logs: Logs, query: str) -> None:
        assert logs.sql(query).width > 0

    @pytest.mark.parametrize(
        "query",
        [
            "copy (select 1) to '{path}'",
            "explain analyze copy (select 1) to '{path}'",
            "explain (analyze) copy (select 1) to '{path}'",
            "create table t as select 1",
            "insert into completions select * from completions",
            "set memory_limit = '1GB'",
            "attach '{path}'",
            "export database '{path}'",
            "install httpfs",
            "pragma database_size",
            "call pragma_version()",
            "select 1; copy (select 1) to '{path}'",
            "",
            "-- nothing",
        ],
    )
    def test_what_does_more_is_refused(self, logs: Logs, query: str) -> None:
        path = os.path.join(logs.path, "completions", "evil.parquet")
        with pytest.raises(QueryError):
            logs.sql(query.format(path=path))
        assert not os.path.exists(path)

    def test_no_other_file_can_be_read(self, logs: Logs, tmp_path: Path) -> None:
        secret = tmp_path / "secret.csv"
        secret.write_text("a\n1\n")
        for query in (
            f"from '{secret}'",
            f"from read_text('{secret}')",
            f"from read_csv('{secret}')",
            "from glob('/*')",
        ):
            with pytest.raises(QueryError):
                logs.sql(query)
        with pytest.raises(QueryError):
            logs.usage(where=f"exists (from read_text('{secret}'))")

    def test_a_query_that_takes_too_long_is_stopped(self, logs: Logs) -> None:
        started = time.monotonic()
        with pytest.raises(QueryError, match=r"time limit of 0\.2 s"):
            logs.sql("select sum(hash(a.range * b.range)) from range(10000000) a, range(100000) b", timeout=0.2)
        assert time.monotonic() - started < 5
        assert logs.sql("select 1 as x", timeout=5).item() == 1

    def test_errors_are_one_sentence_and_tell_what_is_written_wrongly_from_what_fails(self, logs: Logs) -> None:
        for query, code in (
            ("selec 1", 2),
            ("select wek from completions", 2),
            ("select * from nowhere", 2),
            ("select model::int from completions", 1),
        ):
            with pytest.raises(QueryError) as caught:
                logs.sql(query)
            assert "\n" not in str(caught.value)
            assert caught.value.exit_code == code


class TestShow:
    def test_one_id_may_have_several_responses(self, logs: Logs) -> None:
        tables = logs.show("chatcmpl-4")
        assert tables["completions"]["completion_tokens"].to_list() == [1000, 3000]
        assert tables["choices"].height == 2
        assert tables["tool_calls"]["name"].to_list() == ["weather"]

    def test_other_names_will_do(self, logs: Logs) -> None:
        assert logs.show("req_5")["completions"]["status"].to_list() == ["error"]
        assert logs.show("1006")["completions"]["id"].to_list() == [None]

    def test_unknown_ids_get_the_nearest(self, logs: Logs) -> None:
        with pytest.raises(ChatlogsError, match=r"no response goes by 'chatcmpl-9'.*chatcmpl-1") as caught:
            logs.show("chatcmpl-9")
        assert caught.value.exit_code == 1


def test_raw_logs_go_by_their_paths(tmp_path: Path) -> None:
    """Where they were read into is nothing to anyone."""
    paths = [tmp_path / f"{number}.jsonl" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_text(f'{{"object": "chat.completion", "id": "chatcmpl-{number}", "choices": []}}\n')
    for given, name in ((paths[0], f"{paths[0]}"), (paths[:2], f"{paths[0]}, {paths[1]}"), (paths, "these logs")):
        with chatlogs.read(given) as logs:
            with pytest.raises(ChatlogsError, match=f"no response goes by 'none' in {name}"):
                logs.show("none")
            assert repr(logs) == f"<chatlogs.Logs {name}>" and f"<caption>{name}</caption>" in logs._repr_html_()
            (file,) = (file for file in logs._files_now()["completions"] if not os.path.basename(file).startswith("0"))
            os.unlink(file)
            with pytest.raises(StoreError, match=f"what was read of {name} is gone"):
                logs.sql("select max(id) from completions")
        with pytest.raises(StoreError, match=f"what was read of {name} is gone"):
            logs.usage()


def test_a_notebook_gets_a_small_table_of_inert_text(tmp_path: Path) -> None:
    logs = Logs(Logs.open(asked_store.make(tmp_path / "s"))._files_now, path="<script>alert(1)</script>")
    page = logs._repr_html_()
    assert "<script" not in page
    assert "4,350" in page


HEAVY = "{'polars', 'duckdb', 'pyarrow', 'click', 'rich', 'deltalake', 'numpy', 'msgspec'}"


def modules_after(code: str) -> str:
    script = f"{code}\nimport sys\nprint(sorted({HEAVY} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_costs_nothing() -> None:
    assert modules_after("import chatlogs; chatlogs.__version__; dir(chatlogs)") == "[]"


def test_every_public_name_is_there() -> None:
    for name in chatlogs.__all__:
        assert getattr(chatlogs, name) is not None
    with pytest.raises(AttributeError):
        chatlogs.nothing  # noqa: B018
