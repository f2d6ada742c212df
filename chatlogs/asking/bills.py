"""A provider's exported bill or usage, as rows that SQL compares with the logs.

The rule: days are the bill's own, UTC; an amount in another currency than US dollars is refused, not
converted; a line whose day or number cannot be read, or could be read in two ways, is an error that names it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from chatlogs.errors import FileError, QueryError

# Our name -> what exports call it, the surest first.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "day": ("start_time", "start_time_iso", "date", "day", "timestamp"),
    "model": ("model", "snapshot_id"),
    "line_item": ("line_item",),
    "usd": ("amount_value", "cost_usd", "amount_usd", "cost", "amount"),
    "currency": ("amount_currency", "currency"),
    "requests": ("num_model_requests", "num_requests", "requests"),
    "input": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "output": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
}

_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+[.][0-9]+")  # Without decimals a comma may begin these.

NOTHING = "(timestamptz '0001-01-01 00:00:00+00', null::varchar, null::decimal(28, 12), null::bigint, null::bigint)"
"""What stands for a bill that nobody gave."""


@dataclass(frozen=True)
class BillLine:
    """One line: what was billed for a model on a day; None where the export does not tell."""

    day: dt.date
    model: str | None
    usd: Decimal | None
    requests: int | None
    tokens: int | None


def read(path: str) -> list[BillLine]:
    """The lines of an OpenAI costs or usage export: JSON pages or buckets, or CSV; QueryError when it is neither."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read the bill {path}: {getattr(error, 'strerror', None) or error}.") from error
    try:
        records = list(_records(_json(text)) if text.lstrip()[:1] in ("{", "[") else _csv_records(text))
    except (ValueError, RecursionError, csv.Error) as error:
        raise QueryError(f"the bill {path} cannot be read: {error}.") from error
    lines = [line for n, record in enumerate(records, 1) if (line := _line(record, f"{path}, entry {n}"))]
    if not lines:
        raise QueryError(f"{path} holds no bill: an export of OpenAI's costs or usage, JSON or CSV, is expected.")
    return lines


def keys(path: str) -> list[str]:
    """What this bill can be compared by: day, and model where it tells models."""
    return ["day", "model"] if any(line.model for line in read(path)) else ["day"]


def values(lines: Sequence[BillLine]) -> str:
    """The lines as the rows of a VALUES list: created, model, usd, requests, tokens; one row a day and model."""
    parts: dict[tuple[dt.date, str | None], list[BillLine]] = defaultdict(list)
    for line in lines:  # A bill may have a line for each minute, user and key.
        parts[line.day, line.model].append(line)
    rows = []
    for (day, model), those in parts.items():
        usd, requests, tokens = (_sum(getattr(line, name) for line in those) for name in ("usd", "requests", "tokens"))
        rows.append(
            f"(timestamptz '{day} 00:00:00+00', {_text(model)}::varchar, {_number(usd)}::decimal(28, 12), "
            f"{_number(requests)}::bigint, {_number(tokens)}::bigint)"
        )
    return ",\n        ".join(rows)


def _sum(numbers: Iterable[Any]) -> Any:
    """The sum of those that are told; None where none is."""
    told = [number for number in numbers if number is not None]
    return sum(told) if told else None


def _json(text: str) -> Any:
    """The JSON of a bill, in one text or in lines."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        try:
            return [json.loads(line, parse_float=Decimal) for line in text.split("\n") if line.strip()]
        except ValueError:
            raise error from None


def _records(value: Any) -> Iterator[Mapping[str, Any]]:
    """The results of every bucket of every page, each with the bucket's start."""
    if isinstance(value, list):
        for item in value:
            yield from _records(item)
    elif isinstance(value, dict) and isinstance(value.get("data"), list):
        yield from _records(value["data"])
    elif isinstance(value, dict) and isinstance(value.get("results"), list):
        start = {name: value[name] for name in _NAMES["day"] if name in value}
        yield from ({**_amount(result), **start} for result in value["results"] if isinstance(result, dict))
    elif isinstance(value, dict):
        yield _amount(value)


def _amount(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result with its amount laid flat, as in the CSV export."""
    amount = result.get("amount")
    if not isinstance(amount, dict):
        return dict(result)
    flat = {"amount_value": amount.get("value"), "amount_currency": amount.get("currency")}
    return {name: value for name, value in result.items() if name != "amount"} | flat


def _csv_records(text: str) -> Iterator[Mapping[str, Any]]:
    head = text.partition("\n")[0]
    separator = max(",\t;", key=head.count)
    yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)


def _line(record: Mapping[str, Any], place: str) -> BillLine | None:
    """One record as a line; None for a day on which nothing was billed."""
    found = {name: next((record[key] for key in keys if record.get(key) not in (None, "")), None)
             for name, keys in _NAMES.items()}  # fmt: skip
    if all(found[name] is None for name in ("usd", "requests", "input", "output")):
        return None
    if found["currency"] is not None and str(found["currency"]).lower() != "usd":
        raise QueryError(f"{place}: its amount is in {found['currency']}; only US dollars can be compared.")
    counts = [_count(found[name], place) for name in ("input", "output")]
    model = found["model"] or str(found["line_item"] or "").partition(",")[0].strip() or None
    return BillLine(
        _day(found["day"], place),
        str(model) if model else None,
        _usd(found["usd"], place),
        _count(found["requests"], place),
        None if counts == [None, None] else sum(count or 0 for count in counts),
    )


def _day(value: Any, place: str) -> dt.date:
    text = str(value).strip()
    try:
        if text.replace(".", "", 1).isdigit() and len(text) >= 9:
            return dt.datetime.fromtimestamp(float(text), dt.UTC).date()
        moment = dt.datetime.fromisoformat(text)
        return (moment.astimezone(dt.UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError, OSError):
        raise QueryError(f"{place}: '{text}' is no day; start_time or date is expected.") from None


def _usd(value: Any, place: str) -> Decimal | None:
    text = str(value).strip().removeprefix("$")
    try:
        amount = None if value is None else Decimal(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except InvalidOperation:
        amount = Decimal("nan")
    if amount is not None and (not amount.is_finite() or abs(amount) >= 10**15):
        raise QueryError(f"{place}: '{value}' is no amount of money; 1234.50 and 1,234.50 are.")
    return amount


def _count(value: Any, place: str) -> int | None:
    try:
        count = None if value is None else Decimal(str(value))
    except InvalidOperation:
        count = Decimal("nan")
    if count is not None and (not count.is_finite() or abs(count) >= 10**15 or count % 1):
        raise QueryError(f"{place}: '{value}' is no number of requests or tokens.")
    return None if count is None else int(count)


def _text(value: str | None) -> str:
    # A brace could be taken for a place where something is put in.
    return "null" if value is None else "'" + value.replace("'", "''").replace("{", "' || chr(123) || '") + "'"


def _number(value: Decimal | int | None) -> str:
    return "null" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
