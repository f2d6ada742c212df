"""Plain values out of any JSON: text, numbers, times, and JSON text again.

Total: every function takes any value JSON can hold and answers with a value or None, never an exception.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_FIRST_DATE = 10**8  # seconds: a day in 1973, before which no log was written
LAST_MICROSECOND = 253_402_300_799_999_999  # the end of year 9999, the last that Arrow, SQL and Python all print
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
_NUMERAL = re.compile(r"\s*[-+]?\d{1,30}(\.\d{1,30})?([eE][-+]?\d{1,3})?\s*", re.ASCII)


def text(value: object) -> str | None:
    """A non-empty string; an integer as its digits; None for everything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return digits(value)
    return None


def integer(value: object) -> int | None:
    """An integer of any size from an integer, a whole float or a numeric string; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str) and len(value) <= 4000 and value.lstrip("+-").isdecimal() and value.isascii():
        try:
            return int(value)
        except ValueError:
            return None
    return None


def fits(value: int) -> bool:
    """Whether the integer fits the 64 bits of a column."""
    return INT64_MIN <= value <= INT64_MAX


def number(value: object) -> float | None:
    """A finite float from a number or a numeric string; None for everything else."""
    if isinstance(value, str):
        value = float(value) if _NUMERAL.fullmatch(value) else None
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def micros(value: object) -> int | None:
    """Microseconds since 1970 (UTC) of seconds, ms, us, ns, numeric strings or ISO text; None for everything else.

    The unit is told by the size, as no API dates its answers before 1970 or after the year 5000.
    """
    if isinstance(value, str):
        value = value.strip()
        if not _NUMERAL.fullmatch(value):
            return _micros_of_iso(value)
        value = int(value) if value.isdecimal() else float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if (isinstance(value, float) and not math.isfinite(value)) or value <= 0:
        return None
    if value > 1e17:
        result = int(value) // 1000
    elif value > 1e14:
        result = int(value)
    elif value > 1e11:
        result = round(value * 1000)
    else:
        result = round(value * 1_000_000)
    return result if 0 < result <= LAST_MICROSECOND else None


def moment(value: object) -> int | None:
    """`micros` of a time as loggers write it; None also for a duration, or a time since some start."""
    return None if is_duration(value) else micros(value)


def is_duration(value: object) -> bool:
    """Whether the value is a number, or a numeral, and too small for a date in any unit."""
    found = number(value)
    return found is not None and found < _FIRST_DATE


def _micros_of_iso(value: str) -> int | None:
    if len(value) > 64:
        return None
    try:
        moment = datetime.datetime.fromisoformat(value.removesuffix(" UTC"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        result = (moment - _EPOCH) // datetime.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return result if result > 0 else None


def listed(value: object) -> list[Any]:
    """The value where it is a list; none of anything else."""
    return value if isinstance(value, list) else []


def as_json(value: object) -> str:
    """Compact JSON text, keys in the order they came. What JSON cannot hold is mended: see `mended`."""
    try:
        return msgspec.json.encode(value).decode()
    except Exception:  # big integers, half surrogate pairs, objects of the caller's own
        try:
            return json.dumps(mended(value), ensure_ascii=False, separators=(",", ":"))
        except (RecursionError, ValueError, TypeError):
            return "null"


def mended(value: object) -> Any:
    """The same value with sound text, finite numbers and string keys; half surrogate pairs are escaped."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 14_000 else digits(value)
    if isinstance(value, Mapping):
        return {sound(str(key)): mended(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mended(item) for item in value]
    return sound(str(value))


def digits(value: int) -> str:
    """The decimal digits of an integer, past Python's limit on long ones too."""
    return str(value) if value.bit_length() < 14_000 else format(decimal.Decimal(value), "f")


def is_sound(value: str) -> bool:
    """Whether the text holds no surrogates, so that it can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def sound(value: str) -> str:
    """The text with surrogate pairs joined and halves written out as \\udXXX; sound text comes back as it is."""
    if is_sound(value):
        return value
    joined = _PAIR.sub(lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), value)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", joined)


def has_halves(value: str) -> bool:
    """Whether the text holds half a surrogate pair, so that `sound` has to escape it."""
    return not is_sound(value) and _HALF.search(_PAIR.sub("", value)) is not None


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal as JSON: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (str, int, float)) or one is None:
        return one == other
    return one == other and as_json(one) == as_json(other)
