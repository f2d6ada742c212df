"""What people write for a time, as one instant: `2026-11-01`, `yesterday`, `7d`.

A date stands for its whole day in the asker's time zone: as a start it is its first instant, as an end
the first instant after it. So `until` includes the date it names, and excludes the time it names.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TypeAlias

from chatlogs.errors import QueryError, did_you_mean

When: TypeAlias = "str | dt.date | dt.datetime"

_AGO = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def since(when: When, tz: str = "UTC", *, now: dt.datetime | None = None) -> dt.datetime:
    """The first instant to include, in UTC."""
    return _instant("since", when, tz, now, last=False)


def until(when: When, tz: str = "UTC", *, now: dt.datetime | None = None) -> dt.datetime:
    """The first instant to leave out, in UTC: for a date, the start of the next day."""
    return _instant("until", when, tz, now, last=True)


def zone(tz: str) -> dt.tzinfo:
    """The time zone of an IANA name; QueryError, with the nearest name, when there is none."""
    if tz.upper() in ("UTC", "Z"):
        return dt.UTC
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(tz, sorted(zoneinfo.available_timezones())) or " Use a name such as 'Europe/Berlin'."
        raise QueryError(f"unknown time zone '{tz}'.{hint}") from None


def _instant(name: str, when: When, tz: str, now: dt.datetime | None, *, last: bool) -> dt.datetime:
    place = zone(tz)
    value = _parse(name, when, now or dt.datetime.now(dt.UTC), place) if isinstance(when, str) else when
    try:
        if not isinstance(value, dt.datetime):
            day = value + dt.timedelta(days=1) if last else value
            value = dt.datetime.combine(day, dt.time())
        # A time without an offset is one on the asker's clock.
        return (value if value.tzinfo else value.replace(tzinfo=place)).astimezone(dt.UTC)
    except OverflowError:
        raise QueryError(f"--{name} '{when}' is out of range.") from None


def _parse(name: str, text: str, now: dt.datetime, place: dt.tzinfo) -> dt.date | dt.datetime:
    """A date for what names a day, an aware or naive datetime for what names a moment."""
    word = text.strip().lower()
    today = now.astimezone(place).date()
    if word in ("today", "yesterday", "now"):
        return {"today": today, "yesterday": today - dt.timedelta(days=1), "now": now}[word]
    try:
        if ago := _AGO.fullmatch(word):
            return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if month := _MONTH.fullmatch(word):
            return _month(int(month[1]), int(month[2]), last=name == "until")
        if len(word) <= 10:
            return dt.date.fromisoformat(word)
        return dt.datetime.fromisoformat(word.upper())
    except (ValueError, OverflowError):
        raise QueryError(
            f"cannot read --{name} '{text}': use a date (2026-11-01), a month (2026-11), a time "
            "(2026-11-01T14:30), a span back from now (7d, 24h), 'today' or 'yesterday'."
        ) from None


def _month(year: int, month: int, *, last: bool) -> dt.date:
    first = dt.date(year, month, 1)
    if not last:
        return first
    return dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)
