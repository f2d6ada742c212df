"""Prices from the user's own file: contracts, self-hosted models, anything the list lacks.

The rule: what stands in the file wins over the list, and of two entries that fit the later one wins. A
mistake in the file is told by its place in it; nothing there is skipped.
"""

from __future__ import annotations

import datetime as dt
import difflib
import fnmatch
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from chatlogs.asking.tariffs import RATES, STANDARD_TIERS, Asked, Quote, Step
from chatlogs.errors import FileError, QueryError, did_you_mean

_TIERS = ("standard", "batch", "flex", "priority", "scale")  # Well-known ones; providers have more.
_OTHER_KEYS = ("model", "provider", "tier", "since", "prompt_over")


@dataclass(frozen=True)
class Entry:
    """One [[price]] of a file: whom it is for, from when, from which length of prompt, and the rates."""

    model: str
    provider: str | None
    tier: str | None  # None: any tier. "batch" is for batches.
    since: dt.date | None
    over: int
    rates: Mapping[str, Decimal]

    def __str__(self) -> str:
        near = difflib.get_close_matches(self.tier or "", _TIERS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near and self.tier not in _TIERS else ""
        special = [f"provider {self.provider}"] * bool(self.provider) + [f"tier {self.tier}{hint}"] * bool(self.tier)
        return f"{self.model} ({', '.join(special)})" if special else self.model

    def fits(self, asked: Asked) -> bool:
        """Whether this is a price of that, on some day."""
        model, own = (asked.model or "").lower(), self.model.lower()
        if model != own and not fnmatch.fnmatchcase(model, own):  # A name with brackets is no glob of itself.
            return False
        if self.provider is not None and self.provider.lower() != (asked.provider or "").lower():
            return False
        tier = "batch" if asked.batch else "standard" if asked.tier in STANDARD_TIERS else asked.tier
        return self.tier in (None, tier)


@dataclass(frozen=True)
class PriceFile:
    """The entries of a file, in its order."""

    name: str
    entries: tuple[Entry, ...]

    def find(self, asked: Asked) -> PriceFileOffer | None:
        """What the file has for this, if anything."""
        if asked.model is None:
            return None
        entries = tuple(entry for entry in self.entries if entry.fits(asked))
        return PriceFileOffer(self.name, asked, entries) if entries else None


@dataclass(frozen=True)
class PriceFileOffer:
    """The entries of a file that are for one thing."""

    name: str
    asked: Asked
    entries: tuple[Entry, ...]
    seconds: frozenset[int] = frozenset()

    @property
    def dates(self) -> frozenset[dt.date]:
        return frozenset(entry.since for entry in self.entries if entry.since)

    def at(self, instant: dt.datetime) -> Quote | None:
        """The last entry whose day has come, and those beside it that differ only in the length of the prompt."""
        day = instant.astimezone(dt.UTC).date()
        current = [entry for entry in self.entries if entry.since is None or entry.since <= day]
        if not current:
            return None
        last = current[-1]
        steps = {}
        for entry in current:
            if _kind(entry) == _kind(last):
                steps[entry.over] = Step(entry.over, entry.rates)
        special = self.asked.batch or self.asked.tier not in STANDARD_TIERS
        status = "tier_fallback" if special and last.tier is None else "exact"
        return Quote(status, tuple(steps[over] for over in sorted(steps)), last.model, self.name)


def read(path: str) -> PriceFile:
    """The prices in a TOML or JSON file; QueryError says what is wrong with it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        if path.endswith(".json"):
            data = json.loads(text, parse_float=Decimal)
        else:
            data = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise FileError(f"cannot read --prices {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise QueryError(f"--prices {path} is not {'JSON' if path.endswith('.json') else 'TOML'}: {error}.") from error
    listed = data.get("price") if isinstance(data, dict) else data
    if not isinstance(listed, list) or not listed:
        raise QueryError(f"--prices {path} holds no [[price]]; each has a model and rates, such as prompt = 2.5.")
    entries = tuple(_entry(item, f"--prices {path}, price {n}") for n, item in enumerate(listed, 1))
    for number, entry in enumerate(entries, 1):
        if not any(_kind(other) == _kind(entry) and other.over < 0 for other in entries):
            raise QueryError(
                f"--prices {path}, price {number}: no price for shorter prompts goes with its prompt_over."
            )
    return PriceFile(Path(path).name, entries)


def _kind(entry: Entry) -> tuple[Any, ...]:
    return (entry.model, entry.provider, entry.tier, entry.since)


def _entry(item: Any, place: str) -> Entry:
    if not isinstance(item, Mapping):
        raise QueryError(f"{place}: it names no model.")
    unknown = sorted(item.keys() - {*RATES, *_OTHER_KEYS})
    if unknown:
        known = (*_OTHER_KEYS, *RATES)
        hint = did_you_mean(unknown[0], known)
        raise QueryError(f"{place}: unknown '{unknown[0]}'.{hint} Known: {', '.join(known)}.")
    if not isinstance(item.get("model"), str):
        raise QueryError(f"{place}: it names no model.")
    rates = {name: _rate(item[name], f"{place}, {name}") for name in RATES if name in item}
    if not rates.keys() & {"prompt", "completion", "request"}:
        raise QueryError(f"{place}: it has no rates; give prompt and completion, in US dollars for a million tokens.")
    if ("prompt" in rates) != ("completion" in rates):
        raise QueryError(f"{place}: prompt and completion come together; write 0 for what is free.")
    if "prompt" not in rates:
        rates |= {"prompt": Decimal(0), "completion": Decimal(0)}
    return Entry(
        item["model"],
        _text(item, "provider", place),
        _text(item, "tier", place),
        _since(item.get("since"), place),
        _over(item.get("prompt_over", -1), place),
        rates,
    )


def _rate(value: Any, place: str) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("nan")
    if isinstance(value, bool) or not rate.is_finite() or not 0 <= rate < 1_000_000:
        raise QueryError(f"{place}: '{value}' is no price; write US dollars for a million tokens, such as 2.5.")
    return rate


def _text(item: Mapping[str, Any], name: str, place: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise QueryError(f"{place}: {name} is text, not '{value}'.")
    return value


def _since(value: Any, place: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = value
    if day is not None and (not isinstance(day, dt.date) or isinstance(day, dt.datetime)):
        raise QueryError(f"{place}: since is a day, such as 2026-11-01, not '{value}'.")
    return day


def _over(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < -1:
        raise QueryError(f"{place}: prompt_over is a number of tokens, not '{value}'.")
    return value
