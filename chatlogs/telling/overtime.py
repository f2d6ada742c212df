"""Answers by period as bars: which periods there are, and what is drawn of many groups."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chatlogs.asking.measures import COUNT, SHARE, TOKENS
from chatlogs.telling.charts import COLORS, OTHERS, Bars

if TYPE_CHECKING:
    import polars as pl

_HOURS, _DAYS, _WEEKS = dt.timedelta(days=3), dt.timedelta(days=120), dt.timedelta(days=3 * 366)
_MOST = 400  # Bars in a picture: more than there are pixels for.


def period_of(first: dt.datetime, last: dt.datetime) -> str:
    """The key of time that gives a picture's worth of bars."""
    span = last - first
    return "hour" if span <= _HOURS else "day" if span <= _DAYS else "week" if span <= _WEEKS else "month"


def is_too_long(first: dt.datetime, last: dt.datetime) -> bool:
    """Whether there are more periods between these times than `bars` draws."""
    return len(_first(_between(_month(first), _month(last), "month"))) > _MOST


def bars(
    title: str,
    frame: pl.DataFrame,
    columns: tuple[str, str, str],
    unit: str,
    *,
    null: str = "(none)",
    colors: Mapping[str, str] | None = None,
) -> Bars | None:
    """The frame's `columns` as bars: period, name of the series, value.

    Periods without rows are drawn too, so that a gap is seen. Names of least weight are drawn together. None where
    there is nothing to draw, or so long a time, as where some clock was wrong, that no bar would be seen.
    """
    period = columns[0]
    whole = int if unit in (COUNT, TOKENS) else float
    rows = [(at, key, whole(n)) for at, key, n in frame.select(columns).iter_rows() if at is not None and (n or 0) > 0]
    if not rows:
        return None
    places = _first(_between(min(row[0] for row in rows), max(row[0] for row in rows), period))
    if len(places) > _MOST:
        return None
    weight: dict[str, float] = {}
    for _, key, amount in rows:
        weight[_named(key, null)] = weight.get(_named(key, null), 0) + amount
    drawn = sorted(weight, key=lambda key: (-weight[key], key))
    if len(drawn) > len(COLORS):
        drawn = [*drawn[: len(COLORS) - 1], OTHERS]
    at = {place: index for index, place in enumerate(places)}
    series: dict[str, list[float | None]] = {key: [None] * len(places) for key in drawn}
    for place, key, amount in rows:
        values = series[_named(key, null) if _named(key, null) in series else OTHERS]
        values[at[place]] = (values[at[place]] or 0) + amount
    if unit == SHARE:
        _to_one(list(series.values()))
    return Bars(title, [_said(place, period) for place in places], series, unit, colors or {})


def _to_one(series: Sequence[list[float | None]]) -> None:
    """Shares of one period add up to 1, whatever was rounded."""
    for place in range(len(series[0])):
        total = sum(values[place] or 0.0 for values in series)
        for values in series:
            if values[place] is not None and total > 0:
                values[place] = (values[place] or 0.0) / total


def _between(first: Any, last: Any, period: str) -> Iterator[Any]:
    """Every period from the first to the last."""
    while first < last:
        yield first
        if period == "month":
            first = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        elif period == "hour":
            first = (first.astimezone(dt.UTC) + dt.timedelta(hours=1)).astimezone(first.tzinfo)
        else:
            first += dt.timedelta(days=7 if period == "week" else 1)
    yield last


def _first(periods: Iterator[Any]) -> list[Any]:
    """As many of them as tell whether there are too many to draw."""
    return list(itertools.islice(periods, _MOST + 1))


def _month(time: dt.datetime) -> dt.date:
    return time.date().replace(day=1)


def _named(key: object, null: str) -> str:
    return null if key is None else str(key)


def _said(place: Any, period: str) -> str:
    formats = {"hour": "%m-%d %H:%M", "month": "%Y-%m"}
    return format(place, formats.get(period, "%Y-%m-%d"))
