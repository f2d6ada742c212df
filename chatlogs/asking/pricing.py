"""The rate table: what SQL joins to give every response its price.

The rule: the table holds the rates of what the logs hold and no others, so that a printed query is short and
runs anywhere. A span of time in it is as long as the price stays the same; what has no price has a row that
says why. Nothing here multiplies: that is SQL's part, and exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from chatlogs import sql
from chatlogs.asking import bills, pricefile, pricelist
from chatlogs.asking.pricefile import PriceFile
from chatlogs.asking.queries import Filters
from chatlogs.asking.tariffs import RATES, Asked, Offer, Quote, Step
from chatlogs.errors import QueryError

TIMELESS = "0001-01-01 00:00:00+00"
"""Stands for the time of a response whose log tells none; no real span of time includes it."""

_BEGIN, _END = dt.date(1, 1, 2), dt.date(9999, 12, 31)
_DAY = 86_400
_NO_LIMIT = 2**62
_DIGITS = Decimal(1).scaleb(-9)

COLUMNS = {
    "model": "varchar",
    "provider": "varchar",
    "tier": "varchar",
    "batch": "boolean",
    "what_if": "boolean",
    "valid_from": "timestamptz",
    "valid_until": "timestamptz",
    "second_from": "integer",
    "second_until": "integer",
    "prompt_over": "bigint",
    "prompt_up_to": "bigint",
    **{f"{name}_rate": "decimal(18, 9)" for name in RATES},
    "reasoning_beside": "boolean",
    "price_model": "varchar",
    "price_source": "varchar",
    "rate_status": "varchar",
}


@dataclass(frozen=True)
class Span:
    """What is asked for, and when: `first` and `last` are None when no response of it has a time."""

    asked: Asked
    first: dt.datetime | None
    last: dt.datetime | None
    timeless: bool  # Whether a response of it has no time.
    longest: int  # Tokens of its longest prompt.


@dataclass(frozen=True)
class Rate:
    """A row of the table: the quote of one step, for a span of time."""

    asked: Asked
    what_if: bool
    valid: tuple[str, str]
    seconds: tuple[int, int]
    over: int
    up_to: int
    rates: dict[str, Decimal]
    quote: Quote

    def values(self) -> list[Any]:
        """The row, in the order of COLUMNS."""
        asked, quote = self.asked, self.quote
        return [
            *(asked.model, asked.provider, asked.tier, asked.batch, self.what_if),
            *(*self.valid, *self.seconds, self.over, self.up_to),
            *(self.rates.get(name) for name in RATES),
            *(quote.reasoning_beside, quote.price_model, quote.price_source, quote.status),
        ]


def parts(found: Sequence[Sequence[Any]], filters: Filters) -> dict[str, str]:
    """What the SQL of a report about money needs, for the rows of sql/spans.sql."""
    spans = [Span(Asked(*row[:4]), *row[4:]) for row in found]
    files = check(filters)
    made = {"priced": priced(rates(spans, files, what_if=filters.what_if))}
    return made | {"bill": bills.NOTHING if filters.bill is None else bills.values(bills.read(filters.bill))}


def check(filters: Filters) -> list[PriceFile]:
    """The user's prices; QueryError for a mistake in them, or for a model to compare with that has none."""
    files = [pricefile.read(filters.prices)] if filters.prices is not None else []
    if filters.what_if is not None:
        asked = Asked(filters.what_if, None, None, False)
        if isinstance(pricelist.find(asked), Quote) and not any(file.find(asked) for file in files):
            raise QueryError(f"no price is known for --what-if '{filters.what_if}'; give it one with --prices FILE.")
    return files


def rates(spans: Iterable[Span], prices: Sequence[PriceFile] = (), *, what_if: str | None = None) -> list[Rate]:
    """The rate table for these spans: first the user's prices, then the list's.

    With `what_if`, also the rates all of it would have had with that model.
    """
    made: list[Rate] = []
    for span in spans:
        made += _of_span(span, span.asked, prices, what_if=False)
        if what_if is not None:
            # The provider that answered may not offer the other model: the model's name says who does.
            other = replace(span.asked, model=what_if, provider=None)
            made += _of_span(span, other, prices, what_if=True)
    return made


def values(table: Sequence[Rate]) -> str:
    """The table as the rows of a VALUES list; one row that matches nothing where it is empty."""
    rows = [rate.values() for rate in table] or [[None] * len(COLUMNS)]
    first = ", ".join(f"{_literal(value)}::{kind}" for value, kind in zip(rows[0], COLUMNS.values(), strict=True))
    rest = [", ".join(map(_literal, row)) for row in rows[1:]]
    return ",\n        ".join(f"({row})" for row in [first, *rest])


def priced(table: Sequence[Rate]) -> str:
    """The parts of a `with` that give every response its price, as the table `priced`."""
    text = sql.text("priced", columns=", ".join(COLUMNS), rates=values(table))
    return text.partition("\n")[2].strip()


def _of_span(span: Span, asked: Asked, prices: Sequence[PriceFile], *, what_if: bool) -> Iterator[Rate]:
    listed = pricelist.find(asked)
    own = [offer for file in reversed(prices) if (offer := file.find(asked))]
    offers: list[Offer] = [*own, *([] if isinstance(listed, Quote) else [listed])]
    otherwise = listed if isinstance(listed, Quote) else Quote("unknown_model")

    def quote(day: dt.date, second: int) -> Quote:
        instant = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=second)
        return _whole(next((found for offer in offers if (found := offer.at(instant))), otherwise))

    days = [_BEGIN, *sorted({day for offer in offers for day in offer.dates} - {_BEGIN}), _END]
    seconds = [0, *sorted({second for offer in offers for second in offer.seconds} - {0}), _DAY]
    if span.first is not None and span.last is not None:
        first, last = span.first.astimezone(dt.UTC).date(), span.last.astimezone(dt.UTC).date()
        seen = [(begin, end) for begin, end in pairwise(days) if begin <= last and (first < end or end == _END)]
        yield from _steps(span, what_if, _merged(seen, seconds, quote))
    if span.timeless:
        always = [quote(day, second) for day in days[:-1] for second in seconds[:-1]]
        known = always[0] if all(found == always[0] for found in always) else Quote("no_time")
        yield from _steps(span, what_if, [((TIMELESS, f"{_BEGIN} 00:00:00+00"), (0, _DAY), known)])


def _merged(days: Sequence[tuple[dt.date, dt.date]], seconds: Sequence[int], quote: Any) -> list[Any]:
    """(from and until, seconds of the day, quote), with neighbours of the same price in one."""
    spans: list[tuple[dt.date, dt.date, list[tuple[int, int, Quote]]]] = []
    for begin, end in days:
        parts: list[tuple[int, int, Quote]] = []
        for start, stop in pairwise(seconds):
            found = quote(begin, start)
            if parts and parts[-1][2] == found:
                start = parts.pop()[0]
            parts.append((start, stop, found))
        if spans and spans[-1][2] == parts:
            begin = spans.pop()[0]
        spans.append((begin, end, parts))
    return [
        ((f"{begin} 00:00:00+00", "infinity" if end == _END else f"{end} 00:00:00+00"), (start, stop), found)
        for begin, end, parts in spans
        for start, stop, found in parts
    ]


def _steps(span: Span, what_if: bool, timed: Iterable[Any]) -> Iterator[Rate]:
    """A row for every step that a prompt of the span reaches."""
    for valid, seconds, quote in timed:
        steps = [step for step in quote.steps if step.over < max(span.longest, 0)] or [Step(-1, {})]
        for step, above in pairwise([*steps, None]):
            assert step is not None
            up_to = above.over if above else _NO_LIMIT
            yield Rate(span.asked, what_if, valid, seconds, step.over, up_to, _filled(step), quote)


def _whole(quote: Quote) -> Quote:
    """A quote without rates for both prompts and answers is none: such a model does not chat."""
    if all({"prompt", "completion"} <= step.rates.keys() for step in quote.steps):
        return quote
    return Quote("unknown_model")


def _filled(step: Step) -> dict[str, Decimal]:
    """A kind of token without a rate of its own costs what its like costs; but audio never costs what text does."""
    rates = dict(step.rates)
    if rates:
        rates = {"cached": rates["prompt"], "cache_write": rates["prompt"], "reasoning": rates["completion"]} | rates
        rates = {"request": Decimal(0)} | rates
    return {name: rate.quantize(_DIGITS).normalize() for name, rate in rates.items()}


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int):
        return str(value)
    # A brace could be taken for a place where something is put in.
    return "'" + str(value).replace("'", "''").replace("{", "' || chr(123) || '") + "'"
