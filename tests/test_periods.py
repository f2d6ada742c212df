"""A date stands for its whole day where the asker lives; a time for its moment."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlogs.asking import periods
from chatlogs.errors import QueryError

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-01", at(2026, 11, 1), at(2026, 11, 2)),
        ("2026-11", at(2026, 11, 1), at(2026, 12, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2026-11-01T14:30", at(2026, 11, 1, 14, 30), at(2026, 11, 1, 14, 30)),
        ("2026-11-01 14:30:05", at(2026, 11, 1, 14, 30, 5), at(2026, 11, 1, 14, 30, 5)),
        ("2026-11-01t14:30z", at(2026, 11, 1, 14, 30), at(2026, 11, 1, 14, 30)),
        ("2026-11-01T14:30+02:00", at(2026, 11, 1, 12, 30), at(2026, 11, 1, 12, 30)),
        ("today", at(2026, 11, 22), at(2026, 11, 23)),
        ("yesterday", at(2026, 11, 21), at(2026, 11, 22)),
        ("now", NOW, NOW),
        ("7d", at(2026, 11, 15, 12), at(2026, 11, 15, 12)),
        ("24h", at(2026, 11, 21, 12), at(2026, 11, 21, 12)),
        ("2w", at(2026, 11, 8, 12), at(2026, 11, 8, 12)),
        ("90m", at(2026, 11, 22, 10, 30), at(2026, 11, 22, 10, 30)),
    ],
)
def test_what_people_write(text: str, since: dt.datetime, until: dt.datetime) -> None:
    assert periods.since(text, now=NOW) == since
    assert periods.until(text, now=NOW) == until


def test_days_begin_where_the_asker_lives() -> None:
    assert periods.since("2026-11-01", "Europe/Berlin") == at(2026, 10, 31, 23)
    assert periods.until("2026-10-25", "Europe/Berlin") - periods.since("2026-10-25", "Europe/Berlin") == dt.timedelta(
        hours=25
    )
    assert periods.since("2026-11-01T00:00", "Asia/Kolkata") == at(2026, 10, 31, 18, 30)


@given(st.dates(dt.date(1970, 1, 2), dt.date(2200, 1, 1)))
def test_dates_and_their_text_are_the_same(day: dt.date) -> None:
    assert periods.since(day) == periods.since(day.isoformat())
    assert periods.until(day) == periods.since(day + dt.timedelta(days=1))


@pytest.mark.parametrize("text", ["", "tomorrowish", "2026-13-01", "2026-00", "99999999999999w", "9999-12-31", "7"])
def test_what_cannot_be_a_time_is_told(text: str) -> None:
    with pytest.raises(QueryError):
        periods.until(text, now=NOW)


def test_unknown_time_zones_get_the_nearest_name() -> None:
    with pytest.raises(QueryError, match="Did you mean 'Europe/Berlin'"):
        periods.zone("Europe/Berln")
    with pytest.raises(QueryError, match="unknown time zone"):
        periods.zone("../../etc/passwd")
