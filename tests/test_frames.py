"""Answers become frames without pyarrow where that is possible, and are the same frames either way."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest

from chatlogs.asking.frames import frame

PLAIN = {
    "1::tinyint": pl.Int8,
    "1::ubigint": pl.UInt64,
    "9007199254740993": pl.Int64,
    "1.5::double": pl.Float64,
    "1.25::decimal(10,2)": pl.Decimal(10, 2),
    "'x'": pl.String,
    "true": pl.Boolean,
    "date '2026-01-02'": pl.Date,
    "timestamp '2026-01-02 03:04:05.678901'": pl.Datetime("us"),
    "timestamptz '2026-01-02 03:04:05.678901+00'": pl.Datetime("us", "UTC"),
    "['a', null]": pl.List(pl.String),
    "[[1], []]": pl.List(pl.List(pl.Int32)),
}
OTHERS = {"{'a': 1}": pl.Struct({"a": pl.Int32}), "time '01:02:03'": pl.Time, "'x'::blob": pl.Binary}


@pytest.mark.parametrize(("value", "kind"), [*PLAIN.items(), *OTHERS.items()])
def test_every_type_arrives_as_duckdb_would_send_it(value: str, kind: pl.DataType) -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        query = f"select {value} as v union all select null"
        ours, theirs = frame(connection.sql(query)), connection.sql(query).pl()
    assert ours.schema == {"v": kind} == theirs.schema
    assert ours.equals(theirs)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", pl.Int64),
        (2**63 - 1, pl.Int64),
        (2**63, pl.Decimal(38, 0)),
        (-(2**63) - 1, pl.Decimal(38, 0)),
        (10**38 - 1, pl.Decimal(38, 0)),
        (10**38, pl.Int128),
        (2**127 - 1, pl.Int128),
        (-(2**127), pl.Int128),
    ],
)
def test_wide_integers_become_narrow_where_they_fit(value: object, kind: pl.DataType) -> None:
    with duckdb.connect() as connection:
        rows = frame(connection.sql(f"select ({value})::hugeint as v union all select null order by v nulls last"))
    assert rows.schema == {"v": kind}
    assert rows["v"].to_list() == [int(str(value)), None]


def test_columns_of_one_name_are_told_apart_as_duckdb_does() -> None:
    with duckdb.connect() as connection:
        rows = frame(connection.sql("select 2 as a, 1::hugeint as a, 'x' as b union all select 1, 2, 'y' order by 1"))
        assert rows.columns == connection.sql("from (select 1 as a, 1 as a, 1 as b)").columns
    assert rows.rows() == [(1, 2, "y"), (2, 1, "x")]


def test_no_rows_have_their_columns() -> None:
    with duckdb.connect() as connection:
        assert frame(connection.sql("select 1::hugeint as a, 'x' as b where false")).schema == {
            "a": pl.Int64,
            "b": pl.String,
        }


def test_intervals_are_durations() -> None:
    """What one time less another gives."""
    took = "timestamptz '2026-01-03 00:00:00.25+00' - timestamptz '2026-01-01 00:00:00+00'"
    with duckdb.connect() as connection:
        rows = frame(connection.sql(f"""select 1 as n, {took} as "it ""took" union all select 2, null order by n"""))
    assert rows.schema == {"n": pl.Int32, 'it "took': pl.Duration("us")}
    assert rows['it "took'].to_list() == [timedelta(days=2, microseconds=250_000), None]


def test_months_have_no_length() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error, match="cast it to varchar"):
        frame(connection.sql("select interval 1 month as v"))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("340282366920938463463374607431768211454::uhugeint - 340282366920938463463374607431768211453::uhugeint", 1),
        (f"{10**39}::bignum", str(10**39)),
        ("'01:02:03+02'::timetz", "01:02:03+02"),
        ("timestamp_s '2026-01-02 03:04:05'", datetime(2026, 1, 2, 3, 4, 5)),
        ("time '24:00:00'", "24:00:00"),
        (f"[{2**127 - 1}::hugeint, null]", [2**127 - 1, None]),
        (f"map {{'a': {2**127 - 1}::hugeint}}", {"a": 2**127 - 1}),
        (f"{{'a': array_value({10**38}::hugeint), 'TIME': 'TIME'::enum('TIME')}}", {"a": [10**38], "TIME": "TIME"}),
        ("[time '24:00:00', time '01:02:03.5']", ["24:00:00", "01:02:03.5"]),
        ("[[1::uhugeint]]", [[1]]),
        (f"{{'a': [{10**39}::bignum]}}", {"a": [str(10**39)]}),
    ],
)
def test_what_polars_has_no_type_for_comes_exactly(value: str, told: object) -> None:
    with duckdb.connect() as connection:
        assert frame(connection.sql(f"select {value} as v"))["v"].to_list() == [told]


@pytest.mark.parametrize(
    "value",
    [
        "date 'infinity'",
        "date '-infinity'",
        "date '10000-01-01'",
        "date '0044-01-01 (BC)'",
        "timestamp 'infinity'",
        "timestamptz 'infinity'",
        "timestamptz '0044-01-01 (BC)'",
        "timestamp_s 'infinity'",
        "timestamp_ms '0044-01-01 (BC)'",
        "timestamp_ns 'infinity'",
        "[date 'infinity']",
        "{'a': [timestamp '290000-01-01']}",
        "map {'a': date 'infinity'}",
        "array_value(date 'infinity')",
        "[interval 1 day]",
    ],
)
def test_what_no_frame_can_hold_is_refused(value: str) -> None:
    """polars panics, and shows its own code, as soon as anyone looks at such a frame."""
    with duckdb.connect() as connection, pytest.raises(pl.exceptions.PolarsError, match="'v' has"):
        frame(connection.sql(f"select 1 as n, {value} as v"))


@pytest.mark.parametrize("value", [f"{2**128 - 1}::uhugeint", f"[{2**128 - 1}::uhugeint]"])
def test_no_other_value_takes_its_place(value: str) -> None:
    with duckdb.connect() as connection, pytest.raises((duckdb.Error, pl.exceptions.PolarsError)):
        frame(connection.sql(f"select {value} as v"))


def test_times_of_the_day_are_times_unless_one_ends_it() -> None:
    times = ["00:00:00", "01:02:03.000004", "23:59:59.999999"]
    with duckdb.connect() as connection:
        rows = frame(connection.sql(f"select unnest({times})::time as v"))
        ended = frame(connection.sql(f"select unnest({[*times, '24:00:00']})::time as v"))
    assert (rows["v"].dtype, [str(value) for value in rows["v"]]) == (pl.Time, times)
    assert ended["v"].to_list() == [*times, "24:00:00"]


def test_the_first_and_the_last_day_are_held() -> None:
    days = ["0001-01-01", "9999-12-31"]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        query = " union all ".join(f"select date '{day}' a, timestamptz '{day} 23:59:59.999999+00' b" for day in days)
        rows = frame(connection.sql(query)).rows()
    assert [[str(value)[:10] for value in row] for row in rows] == [[day] * 2 for day in days]
