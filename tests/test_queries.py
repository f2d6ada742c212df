"""Identifiers come from the schema, values are bound, and a query that is printed is the query that ran."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asked_store
import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from chatlogs.asking import queries
from chatlogs.asking.frames import frame
from chatlogs.asking.logs import Logs
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import REPORTS
from chatlogs.errors import QueryError
from chatlogs.schema import TABLES

GROUPED = ["usage", "finish", "flags"]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    with Logs.open(asked_store.make(tmp_path_factory.mktemp("a 'quoted' [1] folder") / "store")) as logs:
        yield logs


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_opens_with_its_question(name: str) -> None:
    assert REPORTS[name].question.endswith("?")


@pytest.mark.parametrize("name", [*GROUPED, "rejects"])
def test_an_answer_has_the_declared_columns(logs: Logs, name: str) -> None:
    keys = queries.build(name, Filters()).keys
    assert logs.ask(name).columns == queries.output_columns(REPORTS[name], keys)


@pytest.mark.parametrize("name", GROUPED)
def test_every_column_can_be_a_key(logs: Logs, name: str) -> None:
    """And grouping by whatever column loses nothing."""
    measure = "choices" if name == "finish" else "responses"
    total = logs.ask(name, Filters(by=[]))[measure].sum()
    for key in [*REPORTS[name].columns, "hour", "day", "week", "month", "metadata.team"]:
        answer = logs.ask(name, Filters(by=key))
        assert answer[measure].sum() == total, key


FILTERS: list[dict[str, Any]] = [
    {},
    {"by": ["day", "model", "metadata.a b"], "tz": "Europe/Berlin"},
    {"by": "hour", "tz": "Asia/Kolkata", "sort": "hour:desc", "limit": 2},
    {"by": [], "since": "2026-01-01", "until": "2026-01-02"},
    {"by": "week,month", "since": "2026-01-02T00:30", "model": ["gpt*", "it's"]},
    {"by": "system_fingerprint", "where": "coalesce(model, 'x') <> 'it''s $since {by} {limit}' -- to the end"},
    {"by": "flags", "model": "' or true --"},
]


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("filters", FILTERS)
def test_the_printed_query_runs_in_plain_duckdb_and_says_the_same(
    logs: Logs, name: str, filters: dict[str, Any]
) -> None:
    asked = Filters(**filters)
    plain = duckdb.connect()
    plain.execute("set TimeZone = 'UTC'")
    told = frame(plain.sql(logs.show_sql(name, asked)))
    answer = logs.ask(name, asked)
    assert told.columns == answer.columns
    hour = [column for column in answer.columns if column == "hour"]
    assert told.drop(hour).equals(answer.drop(hour), null_equal=True)


@pytest.mark.parametrize("name", ["rejects", "summary"])
def test_the_other_reports_print_as_well(logs: Logs, name: str) -> None:
    plain = duckdb.connect()
    plain.execute("set TimeZone = 'UTC'")
    assert_frame_equal(frame(plain.sql(logs.show_sql(name))), logs.ask(name))


def test_days_begin_where_the_asker_lives(logs: Logs) -> None:
    """23:30 UTC on New Year's Day is the 2nd in Berlin; a response without a time has no day."""
    utc = logs.usage(by="day").select("day", "responses").rows()
    berlin = logs.usage(by="day", tz="Europe/Berlin").select("day", "responses").rows()
    assert [(str(day), count) for day, count in utc] == [("2026-01-01", 1), ("2026-01-02", 4), ("None", 1)]
    assert [(str(day), count) for day, count in berlin] == [("2026-01-02", 5), ("None", 1)]
    assert str(logs.usage(by="week")["week"][0]) == "2025-12-29"
    assert str(logs.usage(by="month")["month"][0]) == "2026-01-01"


def test_hours_are_whole_hours_of_the_askers_clock(logs: Logs) -> None:
    hours = logs.usage(by="hour", tz="Asia/Kolkata")["hour"].drop_nulls()
    assert [f"{hour:%H:%M %z}" for hour in hours] == [f"0{hour}:00 +0530" for hour in (5, 6, 7, 8, 9)]


def test_until_includes_a_date_and_excludes_a_time(logs: Logs) -> None:
    def responses(**filters: Any) -> int:
        return int(logs.usage(by=[], **filters)["responses"][0])

    assert responses(until="2026-01-01") == 1
    assert responses(until="2026-01-01T23:30") == 0
    assert responses(since="2026-01-01T23:30", until="2026-01-02T00:30:00Z") == 1
    assert responses(since="2026-01-02") == 4


def test_models_are_globs(logs: Logs) -> None:
    assert logs.usage(model="gpt*")["model"].to_list() == ["gpt-4o"]
    assert logs.usage(model=["o1", "gpt-4?"])["model"].to_list() == ["o1", "gpt-4o"]
    assert logs.usage(model="O1").is_empty()


@pytest.mark.parametrize("model", ["opus[1m]", "a\\b"])
def test_a_name_fits_itself_whatever_its_letters_mean_in_globs(tmp_path: Path, model: str) -> None:
    log = tmp_path / "log.jsonl"
    choices = [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]
    records = [{"id": name, "created": 1, "model": name, "choices": choices} for name in (model, "opus1", "opus[1m] b")]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Logs.read(log) as logs:
        assert logs.usage(model=[model, "x*"], where="model not like 'opus_'")["model"].to_list() == [model]


def test_numbers_come_largest_first_and_keys_in_order(logs: Logs) -> None:
    assert logs.usage()["model"].to_list() == ["o1", "gpt-4o", None]
    assert logs.usage(sort="model")["model"].to_list() == ["gpt-4o", "o1", None]
    assert logs.usage(sort="responses")["model"].to_list() == ["gpt-4o", "o1", None]
    assert logs.usage(sort=["responses:asc"])["model"].to_list() == [None, "o1", "gpt-4o"]
    assert logs.usage(sort="total_tokens", limit=1)["model"].to_list() == ["o1"]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"by": "wek"}, "unknown column 'wek' for --by. Did you mean 'week'?"),
        ({"by": "model; drop table x"}, "unknown column"),
        ({"by": 'metadata.a"b'}, "metadata key"),
        ({"by": "metadata."}, "metadata key"),
        ({"by": "metadata.a-b,metadata.a_b"}, "would both be the column metadata_a_b"),
        ({"by": ["metadata.Team", "metadata.team"]}, "would both be the column metadata_team"),
        ({"sort": "tokens"}, "unknown column 'tokens' for --sort"),
        ({"sort": "model:up"}, "cannot sort by 'model:up'"),
        ({"tz": "Mars"}, "unknown time zone"),
        ({"since": "soon"}, "cannot read --since"),
        ({"where": "wek = 1"}, "unknown column 'wek' for --where"),
        ({"where": "finish_reason = 'stop'"}, "column 'finish_reason' is in choices"),
        ({"where": "model ="}, "--where cannot be asked: Parser Error: syntax error, maybe as it ends too early"),
        ({"where": "1=1) or (1=1"}, "--where cannot be asked: Parser Error: syntax error"),
        ({"where": "$since = 1"}, "--where cannot be asked: it has no value for $since"),
        ({"where": "model = ?"}, "--where cannot be asked: it has no value for $1"),
        ({"where": "-- nothing"}, "--where cannot be asked: Parser Error: syntax error"),
        ({"limit": -1}, "cannot show the first -1 rows"),
        ({"limit": 10**20}, "cannot show the first 100000000000000000000 rows"),
        ({"where": 'model = "gpt-4o"'}, "a text stands in single quotes, 'gpt-4o'"),
        ({"since": "2026-02-01", "until": "2026-01-31"}, "there is no time between them"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence(logs: Logs, filters: dict[str, Any], told: str) -> None:
    with pytest.raises(QueryError) as caught:
        logs.usage(**filters)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rejects_have_no_time(logs: Logs) -> None:
    with pytest.raises(QueryError, match="no time"):
        logs.ask("rejects", Filters(since="7d"))


def test_every_table_of_a_report_is_declared() -> None:
    for report in REPORTS.values():
        assert set(report.tables) <= set(TABLES)
        assert set(report.spare) <= {measure.name for measure in report.measures}


def test_what_was_not_reported_is_null_and_never_zero(logs: Logs) -> None:
    row = logs.usage().row(by_predicate=pl.col("model").is_null(), named=True)
    assert row["responses"] == row["no_usage"] == 1
    assert row["with_usage"] == 0
    assert [value for name, value in row.items() if "tokens" in name or "share" in name] == [None] * 7


def test_shares_are_over_what_reports_them(logs: Logs) -> None:
    """gpt-4o: 50 of the 100 prompt tokens whose cached part is known; the other 200 say nothing of it."""
    by_model = {row["model"]: row for row in logs.usage().iter_rows(named=True)}
    assert by_model["gpt-4o"]["cached_share"] == 0.5
    assert by_model["o1"]["cached_share"] == 0.0
    assert by_model["o1"]["reasoning_share"] == 0.75


def test_shares_of_a_group_add_up(logs: Logs) -> None:
    answer = logs.finish_reasons(by=["model", "system_fingerprint"])
    sums = answer.group_by("model", "system_fingerprint").agg(pl.col("share").sum())
    assert sums["share"].to_list() == pytest.approx([1.0] * sums.height)
    assert logs.finish_reasons(by=[])["share"].sum() == pytest.approx(1.0)
    assert logs.finish_reasons(by="finish_class").columns == ["finish_reason", "finish_class", "choices", "share"]


def test_an_unseen_reason_stays_null(logs: Logs) -> None:
    assert logs.finish_reasons(by=[])["finish_reason"].null_count() == 1


def test_a_path_with_special_characters_is_read_as_it_is(logs: Logs) -> None:
    assert "[1] folder" in str(Path(logs.path).parent)
    assert "''quoted''" in logs.show_sql("usage")


@pytest.mark.parametrize("name", ["usage", "cost", "cache", "finish"])
@pytest.mark.parametrize(
    "filters",
    [
        Filters(by="day,model"),
        Filters(by="hour,metadata.team", tz="Europe/Berlin"),
        Filters(by="status", where="id is not null", sort="responses:asc"),
        Filters(by="model", limit=1),
        Filters(by="model", since="2999-01-01"),
        Filters(by=""),
    ],
)
def test_answers_together_are_the_answers_alone(logs: Logs, name: str, filters: Filters) -> None:
    """Whether one look at the data gives them or several."""
    if name == "finish":
        filters = replace(filters, sort=())
    groups = [str(filters.by).split(",") if filters.by else [], [], ["status", "model"], []]
    together = logs.ask_together(name, filters, groups)
    assert together[0].equals(logs.ask(name, filters))
    for keys, answer in zip(groups[1:], together[1:], strict=True):
        alone = logs.ask(name, replace(filters, by=keys, sort=(), limit=0))
        assert answer.sort(pl.all()).equals(alone.sort(pl.all())), keys


@pytest.mark.parametrize("groups", [[["model", "status"], ["status", "model"]], [["model"], ["status", "model"], []]])
def test_lists_of_keys_answered_together_say_what_each_says_alone(logs: Logs, groups: list[list[str]]) -> None:
    """Also where two of them name the same keys in another order."""
    for keys, answer in zip(groups, logs.ask_together("usage", Filters(), groups), strict=True):
        alone = logs.usage(by=keys)
        assert answer.columns == alone.columns
        assert sorted(map(str, answer.rows())) == sorted(map(str, alone.rows()))
