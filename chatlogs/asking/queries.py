"""Questions as SQL: a report and what is asked of it become one query.

The rule: an identifier gets into SQL only when the schema knows it, a value only bound to its name (or, in
text meant to be taken away, as a literal). What a user writes as `where` is SQL and stays SQL: the session
it runs in can read the tables and do nothing else.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chatlogs import sql
from chatlogs.asking import periods
from chatlogs.asking.examples import EXAMPLES
from chatlogs.asking.measures import Report
from chatlogs.asking.reports import ALL, REPORTS
from chatlogs.errors import QueryError, did_you_mean
from chatlogs.schema import TABLES, TEXT

GROUPING = "grouped_otherwise"
"""The column that tells rows by one list of keys from those by another."""

_FEW = 20  # Names worth listing in an error.

# After this, no clock east of UTC has a date that a program could hold: there the time is taken for the last one.
_LAST = "timestamptz '9999-12-31 09:00:00+00'"
_CLOCK_TIME = f"if({sql.TIME} > {_LAST}, {_LAST}, {sql.TIME})"

_TIME_KEYS: Mapping[str, str] = {
    "hour": f"time_bucket(interval '1 hour', {_CLOCK_TIME}, {{tz}})",
    "day": f"cast({_CLOCK_TIME} at time zone {{tz}} as date)",
    "week": f"cast(date_trunc('week', {_CLOCK_TIME} at time zone {{tz}}) as date)",
    "month": f"cast(date_trunc('month', {_CLOCK_TIME} at time zone {{tz}}) as date)",
}

# The same in UTC, by plain arithmetic: looking up a time zone costs more than all else in a query.
_TIME_KEYS_UTC: Mapping[str, str] = {
    "hour": f"make_timestamptz(epoch_us({sql.TIME}) // 3600000000 * 3600000000)",
    "day": f"cast(make_timestamp(epoch_us({sql.TIME})) as date)",
    "week": f"cast(date_trunc('week', make_timestamp(epoch_us({sql.TIME}))) as date)",
    "month": f"cast(date_trunc('month', make_timestamp(epoch_us({sql.TIME}))) as date)",
}


@dataclass(frozen=True)
class Filters:
    """What is asked about: which responses, by which keys, in which order. Every report takes the same."""

    by: str | Sequence[str] | None = None
    since: periods.When | None = None
    until: periods.When | None = None
    tz: str = "UTC"
    model: str | Sequence[str] = ()
    where: str | None = None
    sort: str | Sequence[str] = ()
    limit: int = 0
    prices: str | None = None  # A file with prices of one's own; reports about money read it.
    what_if: str | None = None  # The model that `what_if` prices everything with.
    bill: str | None = None  # The provider's bill that `reconcile` compares with.
    before: str | None = None  # The two sides that `diff` compares.
    after: str | None = None
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


@dataclass(frozen=True)
class Query:
    """SQL with its values bound by name, and the same as text that needs none."""

    sql: str
    values: Mapping[str, Any]
    plain: str
    keys: tuple[str, ...] = ()
    mark: int = 0  # Of its rows, among those of a query that answers by several lists of keys.


def build(name: str, filters: Filters, parts: Mapping[str, str] | None = None) -> Query:
    """The query of a report; QueryError for a key, a column or a time that cannot be.

    `parts` are texts its SQL takes from elsewhere, such as a table of rates.
    """
    report = ALL[name]
    if report.utc_days and filters.tz.upper() not in ("UTC", "ETC/UTC", "Z"):
        raise QueryError(f"the days of a bill are those of UTC: {name} cannot be asked for those of '{filters.tz}'.")
    if not 0 <= filters.limit < 1 << 63:
        raise QueryError(f"cannot show the first {filters.limit} rows: give a number of rows, or 0 for all of them.")
    keys = _keys(report, filters.by, _TIME_KEYS_UTC if filters.tz.upper() == "UTC" else _TIME_KEYS)
    values: dict[str, Any] = {}

    def bind(value_name: str, value: Any) -> str:
        values[value_name] = value
        return f"${value_name}"

    bound = _text(report, keys, filters, bind, parts or {})
    plain = _text(report, keys, filters, lambda _, value: literal(value), parts or {})
    return Query(bound, values, plain, tuple(keys))


def together(name: str, filters: Filters, groups: Sequence[Sequence[str]], parts: Mapping[str, str]) -> list[Query]:
    """A report by several lists of keys as one query: the same for each of them, but for its keys and its mark.

    Rows of a list are those whose column GROUPING has the mark. An empty list when the report's SQL cannot.
    """
    given = [tuple(build(name, replace(filters, by=keys, sort=()), parts).keys) for keys in groups]
    whole = [key for keys in groups for key in keys]
    names = list(dict.fromkeys(key for keys in given for key in keys))
    if "{group}" not in sql.text(name) or filters.limit or not names:
        return []
    # Lists that name the same keys, in whatever order, are one set: told twice, it would give each row twice.
    sets = ", ".join(f"({', '.join(keys)})" for keys in {frozenset(keys): keys for keys in given}.values())
    query = build(
        name,
        replace(filters, by=whole),
        {
            **parts,
            "group": f"grouping sets ({sets})",
            "mark": f"grouping({', '.join(names)}) as {GROUPING},",
        },
    )
    marks = [sum(1 << place for place, key in enumerate(reversed(names)) if key not in keys) for keys in given]
    return [replace(query, keys=keys, mark=mark) for keys, mark in zip(given, marks, strict=True)]


def standalone(query: str, relations: Mapping[str, str]) -> str:
    """`query` with the tables it names as common table expressions: it runs where no view is known."""
    comments, _, body = re.fullmatch(r"((?:--[^\n]*\n)*)(\s*)(.*)", query, re.DOTALL).groups()  # type: ignore[union-attr]
    named = [name for name in relations if re.search(rf"\b{name}\b", body)]
    tables = ",\n".join(f"{name} as (from {relations[name]})" for name in named)
    rest = f",\n{body[5:]}" if body.startswith("with ") else f"\n{body}"
    return f"{comments}with {tables}{rest}"


def views(query: str, parts: Callable[[str, Filters], Mapping[str, str]]) -> dict[str, str]:
    """What SQL may name besides the tables: reports, and examples, each as the query it is without filters."""
    words = set(re.findall(r"\w+", query.lower()))
    named = [name for name in (*REPORTS, EXAMPLES.name) if name in words and name not in TABLES]
    return {name: build(name, Filters(), parts(name, Filters())).plain for name in named}


def literal(value: Any) -> str:
    """A value as SQL text."""
    if isinstance(value, dt.datetime):
        return f"timestamptz '{value.isoformat(sep=' ')}'"
    return "'" + str(value).replace("'", "''") + "'"


def known_keys(report: Report) -> list[str]:
    """What `by` may name, but for metadata.KEY."""
    return list(dict.fromkeys([*(_TIME_KEYS if "created" in report.columns else ()), *report.columns, *report.parts]))


def output_columns(report: Report, keys: Sequence[str]) -> list[str]:
    """The names of the answer's columns, in order."""
    return [*keys, *(m.name for m in report.measures if m.name not in keys)]


def unknown(what: str, name: str, known: Sequence[str]) -> QueryError:
    """One sentence for a name nobody declared, with the nearest one and what there is."""
    names = ", ".join(
        [*known[:_FEW], f"and {len(known) - _FEW} more (chatlogs schema)"] if len(known) > _FEW else known
    )
    return QueryError(f"unknown column '{name}' for {what}.{did_you_mean(name, known)} Known: {names}.")


def _text(
    report: Report, keys: Mapping[str, str], filters: Filters, put: Callable[[str, Any], str], parts: Mapping[str, str]
) -> str:
    """The report's SQL. The user's own SQL is put in last, so that nothing in it is taken for a placeholder."""
    tz = put("tz", filters.tz) if any("{tz}" in expression for expression in keys.values()) else ""
    selected = [
        expression.replace("{tz}", tz) + ("" if expression == key else f" as {key}") for key, expression in keys.items()
    ]
    conditions = "\n  and ".join(_conditions(report, filters, put)) or "true"
    mark = [parts["mark"]] if "mark" in parts else []
    named = {table: _named(report, table, f"{selected} {conditions}") for table in report.tables[1:]}
    return sql.text(
        report.name,
        by="\n    ".join([*(f"{item}," for item in selected), *mark]) or "-- no keys: one group",
        group=parts.get("group", "all"),
        names="\n    ".join(f"{key}," for key in keys) or "-- no keys: one group",
        keys="".join(f"{key}, " for key in keys),
        each=f"partition by {', '.join(keys)}" if keys else "",
        sort=_order(report, keys, filters.sort),
        limit=f"limit {int(filters.limit)}" if filters.limit > 0 else "",
        **{table: "" if needed else "-- not needed: " for table, needed in named.items()},
        share=parts.get("share", "true"),
        **{part: text for part, text in parts.items() if part not in ("group", "mark", "share")},
        period="\n  and ".join(_conditions(report, replace(filters, where=None), put)) or "true",
        where=conditions,
    ).strip()


def _named(report: Report, table: str, text: str) -> bool:
    """Whether text may name a column that only this table of the report has.

    A line of SQL that begins with {table} joins it: where nothing of it is named, the line is a comment.
    """
    others = {name for other in report.tables if other != table for name in TABLES[other].names}
    words = set(re.findall(r"\w+", text.lower()))
    return not words.isdisjoint({*TABLES[table].names, "columns", "u"} - others)


def _keys(report: Report, by: str | Sequence[str] | None, times: Mapping[str, str]) -> dict[str, str]:
    """Key columns as output name -> expression, in order, each known to the schema."""
    given = report.by if by is None else by.split(",") if isinstance(by, str) else by
    names = [name.strip() for name in given if name.strip()]
    known = known_keys(report)
    keys: dict[str, str] = {}
    for name in names:
        if report.utc_days and name in ("hour", "created"):
            raise QueryError(f"a bill has days and no hours: give {report.name} --by day, week or month.")
        if name in _TIME_KEYS and name in known:
            keys[name] = times[name]
        elif name.startswith("metadata.") and "metadata" in known:
            output, expression = _metadata_key(name.removeprefix("metadata."))
            taken = {key.lower(): told for key, told in keys.items()}  # DuckDB tells no capitals from small letters.
            if taken.setdefault(output.lower(), expression) != expression:
                raise QueryError(
                    f"--by '{name}' and another key would both be the column {output}: ask for one of them."
                )
            keys[output] = expression
        elif name not in known:
            raise unknown("--by", name, known if "metadata" not in known else ["metadata.KEY", *known])
        elif name not in [measure.name for measure in report.measures]:
            keys[name] = name
    return keys


def _metadata_key(key: str) -> tuple[str, str]:
    """One entry of the caller's metadata; its column is named so that nobody has to quote it."""
    if '"' in key or "\\" in key or not key:
        raise QueryError(f"cannot use metadata key '{key}' for --by: it is empty or holds a quote.")
    path = literal(f'$."{key}"')
    return "metadata_" + re.sub(r"\W", "_", key, flags=re.ASCII), f"metadata ->> {path}"


def _conditions(report: Report, filters: Filters, put: Callable[[str, Any], str]) -> list[str]:
    models = [filters.model] if isinstance(filters.model, str) else list(filters.model)
    if "created" not in report.columns and (filters.since or filters.until or models):
        raise QueryError(f"{report.name} have no time and no model: --since, --until and --model do not apply.")
    conditions = []
    if filters.since is not None and filters.until is not None:
        _check_period(filters)
    if filters.since is not None:
        conditions.append(f"{sql.TIME} >= {put('since', periods.since(filters.since, filters.tz, now=filters.now))}")
    if filters.until is not None:
        conditions.append(f"{sql.TIME} < {put('until', periods.until(filters.until, filters.tz, now=filters.now))}")
    if models:
        globs = [of_model(model, put(f"model_{n}", model)) for n, model in enumerate(models, start=1)]
        conditions.append(globs[0] if len(globs) == 1 else f"({' or '.join(globs)})")
    if filters.where and filters.where.strip():
        # The closing bracket has its own line, so that a comment at the end of the user's text ends there.
        conditions.append(f"({filters.where.strip()}\n  )")
    periods.zone(filters.tz)
    return conditions


def of_model(model: str, value: str) -> str:
    """The condition for a glob, which `value` stands for; a name whose letters mean more in globs fits itself too."""
    fits = f"model glob {value}"
    return f"({fits} or model = {value})" if set(model) & set("[\\") else fits


def _check_period(filters: Filters) -> None:
    assert filters.since is not None and filters.until is not None
    begin = periods.since(filters.since, filters.tz, now=filters.now)
    if begin >= periods.until(filters.until, filters.tz, now=filters.now):
        raise QueryError(
            f"--since {filters.since} is not before --until {filters.until}: there is no time between them."
        )


def _order(report: Report, keys: Mapping[str, str], sort: str | Sequence[str]) -> str:
    """What the rows are ordered by; all that tells rows apart comes last, so that equal ones never swap places."""
    names = output_columns(report, list(keys))
    given = [part.strip() for part in (sort.split(",") if isinstance(sort, str) else sort) if part.strip()]
    texts = [measure.name for measure in report.measures if measure.unit == TEXT]
    wanted = given or [*(key for key in keys if key in _TIME_KEYS), *report.sort]
    spread = [name for item in wanted for name in (keys if item == "by" else [item])]
    order: dict[str, str] = {}
    for item in [*spread, *keys, *report.parts]:
        column, _, direction = item.partition(":")
        if column not in names:
            raise unknown("--sort", column, names)
        if direction not in ("", "asc", "desc"):
            raise QueryError(f"cannot sort by '{item}': write COLUMN, COLUMN:asc or COLUMN:desc.")
        down = column not in keys and column not in texts
        order.setdefault(column, direction or ("desc" if down else "asc"))
    return ", ".join(f"{column} {direction} nulls last" for column, direction in order.items()) or "all"
