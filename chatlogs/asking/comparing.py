"""Two sides of the logs held against each other: what differs, by how much, and whether chance would do that too.

The rule: whatever is compared is corrected for, so that a look at many numbers does not find differences that
are none. What is too little to judge stays in the answer, without a p.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatlogs import sql
from chatlogs.asking import periods, queries, statistics
from chatlogs.asking.differences import ALPHA, COLUMNS, DIFF, MEASURES, OF_CHOICES, SHARES, SIZES
from chatlogs.asking.measures import COUNT, REAL, USD
from chatlogs.asking.queries import Filters
from chatlogs.errors import QueryError, did_you_mean
from chatlogs.schema import BOOL, TEXT

if TYPE_CHECKING:
    import polars as pl

FEWEST = 8  # On each side; with fewer there is nothing to judge.
_UNTOLD = ("no", "complete", "stop")

_PERIOD = re.compile(r"\s*(.*?)\s*\.\.\s*(.*?)\s*")
_NAME = re.compile(r"[\w.:/@*?+~\[\]-]+")


@dataclass(frozen=True)
class Comparison:
    """One row of the answer; `counts` are the responses or choices on each side."""

    keys: tuple[Any, ...]
    measure: str
    value: str | None
    counts: tuple[int, int]
    before: float | None
    after: float | None
    effect: str
    effect_size: float
    p_value: float | None


def compare(ask: Callable[[str, Filters], pl.DataFrame], filters: Filters, *, alpha: float = ALPHA) -> pl.DataFrame:
    """The comparison of `filters.before` and `filters.after`: a row for each thing compared, COLUMNS after the keys.

    `ask` answers a report by its name, as Logs.ask does.
    """
    answer = judged(ask, filters, alpha=alpha)[0]
    return answer.head(filters.limit) if filters.limit > 0 else answer


def judged(
    ask: Callable[[str, Filters], pl.DataFrame], filters: Filters, *, alpha: float = ALPHA
) -> tuple[pl.DataFrame, set[str]]:
    """The whole comparison, and the measures that could be judged, also where both sides have the same and no more."""
    asked = dataclasses.replace(filters, sort=(), limit=0)  # These are about the answer.
    seen = ask("diff", asked)
    if filters.by is None and not _on_both_sides(seen):  # A model against another, say.
        seen = ask("diff", dataclasses.replace(asked, by=[]))
    sides = seen["side"].unique().to_list()
    if "both" in sides:
        raise QueryError("some responses are both before and after: give two conditions that exclude each other.")
    for side in ("before", "after"):
        if side not in sides:
            raise QueryError(_empty_side(ask, side, filters))
    keys = [name for name in seen.columns if name not in [measure.name for measure in DIFF.measures]]
    return _ordered(table_of(seen, keys, alpha=alpha), keys, filters.sort), _comparable(seen, keys)


def parts(filters: Filters) -> dict[str, str]:
    """The two sides as SQL; a query that is only printed may have none."""
    return {name: condition(getattr(filters, name), filters) for name in ("before", "after")}


def condition(text: str | None, filters: Filters) -> str:
    """What a side means in SQL: a period (`2026-10`, `A..B`, `A..`), a model or fingerprint, or a condition."""
    text = (text or "").strip()
    if not text:
        return "null"
    period = _period(text, filters)
    if period is not None:
        return period
    if _NAME.fullmatch(text) and text.lower() not in ("true", "false", "null"):
        value = queries.literal(text)
        return f"({queries.of_model(text, value)} or system_fingerprint = {value})"
    return f"({text}\n            )"


def table_of(seen: pl.DataFrame, keys: Sequence[str], *, alpha: float = ALPHA) -> pl.DataFrame:
    """The answer, from rows of keys, side, measure, value, number and seen."""
    import polars as pl

    found = [row for part in _groups(seen, keys) for row in _compared(*part)]
    adjusted = statistics.holm([row.p_value for row in found])
    rows = []
    for row, p in zip(found, adjusted, strict=True):
        changed = p is not None and p < alpha
        difference = None if row.before is None or row.after is None else row.after - row.before
        rows.append(
            (
                *row.keys, row.measure, row.value, *row.counts, row.before, row.after, difference,
                row.effect, row.effect_size, row.p_value, p, changed, sentence(row, p),
            )
        )  # fmt: skip
    kinds = {TEXT: pl.String, COUNT: pl.Int64, REAL: pl.Float64, BOOL: pl.Boolean}
    schema = {key: seen.schema[key] for key in keys} | {column.name: kinds[column.unit] for column in COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def sentence(row: Comparison, p: float | None) -> str:
    """A comparison in words."""
    where = ", ".join(str(key) for key in row.keys if key is not None)
    about = f"{where}: " if where else ""
    counts = f"of {row.counts[0]:,} and {row.counts[1]:,} {'choices' if row.measure in OF_CHOICES else 'responses'}"
    likely = "too few to judge" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    if row.before is None or row.after is None:
        return f"{about}the mix of {row.measure} moved by V = {row.effect_size:.2f} ({counts}; {likely})"
    said = f"{row.measure} {row.value}" if row.measure in SHARES else f"median {row.measure}"
    moved = f"{told(row.before, row.measure)} to {told(row.after, row.measure)}"
    return f"{about}{said} went from {moved} ({counts}; {likely})"


def told(value: float | None, measure: str, sign: str = "") -> str | None:
    """A share, or a size of this measure, as people read it; `sign` "+" for differences, of shares in points."""
    if value is None:
        return None
    if measure in SHARES:
        return f"{100 * value:{sign}.1f} {'pp' if sign else '%'}"
    unit = SIZES[measure][0]
    return f"{value:{sign},.6f}" if unit == USD else f"{value:{sign},.3f}" if unit == REAL else f"{value:{sign},.10g}"


def _period(text: str, filters: Filters) -> str | None:
    """The condition of a period; None when the text is none."""
    spanned = _PERIOD.fullmatch(text)
    first, last = spanned.groups() if spanned else (text, text)
    try:
        begin = periods.since(first, filters.tz, now=filters.now) if first else None
        end = periods.until(last, filters.tz, now=filters.now) if last else None
    except QueryError:
        if spanned:
            raise
        return None
    if begin is not None and end is not None and begin >= end:
        raise QueryError(f"'{text}' is no period: it ends before it begins.")
    told = [f"{sql.TIME} >= {queries.literal(begin)}"] * (begin is not None)
    told += [f"{sql.TIME} < {queries.literal(end)}"] * (end is not None)
    return " and ".join(told) or f"{sql.TIME} is not null"


def _on_both_sides(seen: pl.DataFrame) -> bool:
    """Whether any model is on both sides."""
    import polars as pl

    return not seen.group_by("model").agg(pl.col("side").n_unique()).filter(pl.col("side") > 1).is_empty()


def _comparable(seen: pl.DataFrame, keys: Sequence[str]) -> set[str]:
    """The measures of which some group has enough on both sides."""
    import polars as pl

    sides = [pl.col("seen").filter(side=side).sum().alias(side) for side in ("before", "after")]
    counted = seen.group_by([*keys, "measure"]).agg(sides)
    return set(counted.filter((pl.col("before") >= FEWEST) & (pl.col("after") >= FEWEST))["measure"])


def _empty_side(ask: Callable[[str, Filters], pl.DataFrame], side: str, filters: Filters) -> str:
    """Why no response is on a side: nothing is called so, or something else leaves them all out."""
    text = str(getattr(filters, side) or "").strip()
    told = f"no response is {side} ('{text}')"
    if not _NAME.fullmatch(text) or _period(text, filters) is not None:
        return f"{told}, so there is nothing to compare."
    named = ask("usage", Filters(by=["model", "system_fingerprint"]))
    names = [str(name) for column in ("model", "system_fingerprint") for name in named[column].unique() if name]
    if any(name == text or fnmatch.fnmatchcase(name, text) for name in names):
        return f"{told} under these filters, so there is nothing to compare."
    longer = any(name.startswith(text) for name in names)
    hint = f" Did you mean '{text}*'?" if longer else did_you_mean(text, sorted(names))
    return f"{told}: no model or system_fingerprint is called so.{hint}"


def _ordered(answer: pl.DataFrame, keys: Sequence[str], sort: str | Sequence[str]) -> pl.DataFrame:
    """The answer in the order of its keys, or as asked: COL, COL:asc or COL:desc, numbers largest first."""
    import polars as pl

    items = [item.strip() for item in (sort.split(",") if isinstance(sort, str) else sort) if item.strip()]
    if not items:
        texts = [pl.col(key).cast(pl.String) for key in keys]
        return answer.sort(texts, nulls_last=True, maintain_order=True) if texts else answer
    names, down = [], []
    for item in items:
        name, _, direction = item.partition(":")
        if name not in answer.columns:
            raise queries.unknown("--sort", name, answer.columns)
        if direction not in ("", "asc", "desc"):
            raise QueryError(f"cannot sort by '{item}': write COLUMN, COLUMN:asc or COLUMN:desc.")
        names.append(name)
        down.append(direction == "desc" or (not direction and answer.schema[name].is_numeric()))
    return answer.sort(names, descending=down, nulls_last=True, maintain_order=True)


def _groups(seen: pl.DataFrame, keys: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], str, pl.DataFrame]]:
    """(values of the keys, measure, how often each of its values was seen before and after) in a fixed order."""
    import polars as pl

    order = {name: place for place, name in enumerate(MEASURES)}
    sides = [pl.col("seen").filter(side=side).sum().alias(side) for side in ("before", "after")]
    counted = seen.group_by([*keys, "measure", "value", "number"]).agg(sides).sort("value", "number")
    groups = counted.partition_by([*keys, "measure"], as_dict=True, maintain_order=True)
    for (*values, measure), rows in sorted(groups.items(), key=lambda item: (str(item[0][:-1]), order[item[0][-1]])):
        yield tuple(values), str(measure), rows


def _compared(keys: tuple[Any, ...], measure: str, counted: pl.DataFrame) -> Iterator[Comparison]:
    by = "value" if measure in SHARES else "number"
    before, after = counted["before"].to_numpy(), counted["after"].to_numpy()
    counts = (int(before.sum()), int(after.sum()))
    if not min(counts) or counted.height < 2:
        return  # Only one side has any, or both have nothing else: there is nothing to tell apart.
    enough = min(counts) >= FEWEST
    if by == "number":
        p, delta = statistics.mann_whitney(before, after)
        middle, moved = (statistics.median(counted[by].to_numpy(), side) for side in (before, after))
        yield Comparison(keys, measure, None, counts, middle, moved, "cliffs_delta", delta, p if enough else None)
        return
    table = [before, after]
    if counted.height > 2:
        p_mix = statistics.chi_squared(table) if enough else None
        yield Comparison(keys, measure, None, counts, None, None, "cramers_v", statistics.cramers_v(table), p_mix)
    values = counted[by].to_list()
    for value, was, became in zip(values, before.tolist(), after.tolist(), strict=True):
        if len(values) == 2 and value in _UNTOLD:
            continue  # Of two values the other one says it all.
        rest = (counts[0] - was, counts[1] - became)
        p_value = statistics.fisher((was, rest[0]), (became, rest[1])) if enough else None
        size = statistics.cramers_v([[was, rest[0]], [became, rest[1]]])
        shares = (was / counts[0], became / counts[1])
        yield Comparison(keys, measure, value, counts, *shares, "cramers_v", size, p_value)
