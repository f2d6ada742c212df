"""Answers of DuckDB as polars frames.

The rule: a frame holds what DuckDB answered, exactly, and what polars or Python cannot hold is an error that says so.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import polars as pl

# What goes to polars without pyarrow, whose import takes longer than most answers.
_PLAIN = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|VARCHAR|BOOLEAN|DATE|TIMESTAMP( WITH TIME ZONE)?)"
    r"(\[\])*"
)

_NO_LENGTH = "an interval of months or years has no length: cast it to varchar"
_MIDNIGHT = "24:00:00"  # the last moment of a day, which polars and Python do not know
_HAS_MONTHS = "datepart('year', {it}) <> 0 or datepart('month', {it}) <> 0"

# What polars cannot hold as it is, as it comes instead.
_OTHERWISE: Mapping[str, str] = {
    "INTERVAL": f"epoch_us(if({_HAS_MONTHS}, error('{_NO_LENGTH}'), {{it}}))",
    "UHUGEINT": "{it}::hugeint",
    "BIGNUM": "{it}::varchar",
    "TIME": "{it}::varchar",
    "TIME WITH TIME ZONE": "{it}::varchar",
    "TIMESTAMP_S": "{it}::timestamp",
}
# The same in lists and structs: a type, and that of which its values are cast.
_INSIDE = {"UHUGEINT": "HUGEINT", "BIGNUM": "VARCHAR", "TIMESTAMP_S": "TIMESTAMP"}
_OF_INSIDE = re.compile(
    r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|(?<!WITH )\bTIME\b(?: WITH TIME ZONE)?|\b(?:UHUGEINT|BIGNUM|TIMESTAMP_S)\b"""
)  # but what is quoted, a name or a value
_NESTED = re.compile(r"[\[(]")
_MOST_DIGITS = 38  # of a Decimal

_EPOCH = dt.date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = (dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The relation's rows. Wide integers, which sum() gives, become Int64 where they fit; intervals are durations.

    Of columns with one name, as a join has them, the second is called NAME_1, as DuckDB calls it in subqueries.
    PolarsError where no frame can hold them: times such as infinity among others.
    """
    if len(set(relation.columns)) < len(relation.columns):
        relation = relation.project("*")
    kinds = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
    if nested := next((name for name, kind in kinds.items() if re.search(r"\bINTERVAL\b.", kind)), None):
        raise pl.exceptions.InvalidOperationError(f"'{nested}' has intervals in lists or structs")
    if any(_otherwise(name, kind) != _quoted(name) for name, kind in kinds.items()):
        relation = relation.project(", ".join(_otherwise(name, kind) for name, kind in kinds.items()))
    plain = all(_PLAIN.fullmatch(str(kind)) for kind in relation.types)
    rows: pl.DataFrame = pl.DataFrame(relation) if plain else relation.pl()
    _check_times(rows.select(name for name, kind in kinds.items() if re.search("DATE|TIMESTAMP", kind)))
    wide = [name for name, kind in rows.schema.items() if kind == pl.Decimal(38, 0) or kind in (pl.Int128, pl.UInt128)]
    rows = rows.with_columns(_narrowed(rows[name]) for name in wide)
    rows = rows.with_columns(pl.col(n).cast(_whole(rows.schema[n])) for n in kinds if re.search("HUGEINT.", kinds[n]))
    rows = rows.with_columns(_timed(rows[name]) for name in kinds if kinds[name] == "TIME")
    return rows.with_columns(pl.col(name).cast(pl.Duration("us")) for name in kinds if kinds[name] == "INTERVAL")


def _otherwise(name: str, kind: str) -> str:
    """The column in SQL, as polars can hold it."""
    quoted = _quoted(name)
    if kind in _OTHERWISE:
        return _OTHERWISE[kind].replace("{it}", quoted) + f" as {quoted}"
    held = _OF_INSIDE.sub(lambda found: found[1] or _INSIDE.get(found[0], "VARCHAR"), kind)
    held = held if _NESTED.search(kind) else kind
    return quoted if held == kind else f"{quoted}::{held} as {quoted}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _timed(texts: pl.Series) -> pl.Series:
    """The times of the day that these texts are; texts, where one of them is the end of a day."""
    return texts if (texts == _MIDNIGHT).any() else texts.str.to_time("%H:%M:%S%.f")


def _whole(kind: Any) -> Any:
    """The type with integers of any width for decimals, which in lists and structs round what has too many digits."""
    if kind == pl.Decimal(_MOST_DIGITS, 0):
        return pl.Int128()
    if isinstance(kind, pl.List):
        return pl.List(_whole(kind.inner))
    if isinstance(kind, pl.Array):
        return pl.Array(_whole(kind.inner), kind.size)
    if isinstance(kind, pl.Map):
        return pl.Map(_whole(kind.key), _whole(kind.value))
    return pl.Struct({one.name: _whole(one.dtype) for one in kind.fields}) if isinstance(kind, pl.Struct) else kind


def _narrowed(wide: pl.Series) -> pl.Series:
    """The integers as Int64 where all of them fit, and as Int128 where one has more digits than a Decimal."""
    narrow = wide.cast(pl.Int64, strict=False)
    if narrow.null_count() == wide.null_count():
        return narrow
    whole = wide.cast(pl.Int128)
    return whole if whole.is_between(-(10**_MOST_DIGITS), 10**_MOST_DIGITS, closed="none").not_().any() else wide


def _check_times(rows: pl.DataFrame) -> None:
    """PolarsError where a date or a time is none to Python; polars itself would panic as it shows it."""
    for column in rows:
        for times in _times(column):
            least, most = _limits(times.dtype)
            numbers = times.to_physical()
            if numbers.lt(least).any() or numbers.gt(most).any():
                raise pl.exceptions.InvalidOperationError(f"'{column.name}' has times out of the years 1 to 9999")


def _limits(kind: pl.DataType) -> tuple[int, int]:
    """The first and the last number that is a date or a time to Python as well."""
    if not isinstance(kind, pl.Datetime):
        return _FIRST_DAY, _LAST_DAY
    if kind.time_unit == "ns":
        return 2 - 2**63, 2**63 - 2  # Beyond is infinity; the years all fit.
    return _FIRST_DAY * _PER_DAY[kind.time_unit], (_LAST_DAY + 1) * _PER_DAY[kind.time_unit] - 1


def _times(column: pl.Series) -> Iterator[pl.Series]:
    """The dates and times of a column, those in lists and structs too."""
    if isinstance(column.dtype, pl.Struct):
        for field in column.dtype.fields:
            yield from _times(column.struct.field(field.name))
    elif isinstance(column.dtype, (pl.List, pl.Array)):
        yield from _times(column.explode())
    elif isinstance(column.dtype, pl.Map):
        yield from _times(column.map.entries())
    elif column.dtype in (pl.Date, pl.Datetime):
        yield column
