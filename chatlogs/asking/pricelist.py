"""Prices from genai-prices: offline, dated, by tier, by length of prompt.

The rule: whatever the library would charge is what comes out, for it is asked itself. The library is
imported when the first price is needed.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from chatlogs.asking.tariffs import STANDARD_TIERS, Asked, Quote, Step

if TYPE_CHECKING:
    from genai_prices.types import (
        ModelInfo,
        ModelPrice,
        PriceVariant,
        Provider,
        StartDateConstraint,
        TieredPrices,
        TimeOfDateConstraint,
        UsageExtractor,
    )

_KEYS = {
    "prompt": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "prompt_audio": "input_audio_mtok",
    "completion": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "completion_audio": "output_audio_mtok",
    "request": "requests_kcount",
}
# Charged beside tokens, by how the library counts them in a provider's usage; no column of ours holds them.
_EXTRAS = {"web_searches": "web_searches_kcount", "output_citation_tokens": "output_citation_mtok"}


@functools.cache
def source() -> str:
    """The list and its version."""
    from importlib import metadata

    return f"genai-prices {metadata.version('genai-prices')}"


def find(asked: Asked) -> PriceListOffer | Quote:
    """The offer for this model at this provider, or a quote that says why there is none."""
    if asked.model is None:
        return Quote("no_model")
    for provider, model in _references(asked):
        found = _lookup(provider, model)
        if found:
            return PriceListOffer(asked, *found)
    known = asked.provider is None or _provider(asked.provider) is not None
    return Quote("unknown_model" if known else "unknown_provider")


@dataclass(frozen=True)
class PriceListOffer:
    """What the library charges for a model, over time."""

    asked: Asked
    provider: Provider
    model: ModelInfo

    @property
    def dates(self) -> frozenset[dt.date]:
        from genai_prices.types import StartDateConstraint

        limits = _constraints(self.model)
        return frozenset(limit.start_date for limit in limits if isinstance(limit, StartDateConstraint))

    @property
    def seconds(self) -> frozenset[int]:
        from genai_prices.types import TimeOfDateConstraint

        limits = [limit for limit in _constraints(self.model) if isinstance(limit, TimeOfDateConstraint)]
        return frozenset(_second(time) for limit in limits for time in (limit.start_time, limit.end_time))

    def at(self, instant: dt.datetime) -> Quote:
        """The library's own prices at that instant."""
        # A model that is found at another provider's list has no tiers there, says the library.
        own = any(self.model is model for model in self.provider.models)
        prices = self.model.get_prices(instant, self._context() if own else None)
        status = "exact"
        if self._tier_is_missing(instant, own):
            status = "tier_fallback"
        elif self._has_extras(prices):
            status = "without_extras"
        return Quote(
            status, _steps(prices), f"{self.provider.id}/{self.model.id}", source(), _reasoning_beside(self.provider)
        )

    def _context(self) -> dict[str, str]:
        tier = {"service_tier": self.asked.tier} if self.asked.tier else {}
        return tier | ({"processing": "batch"} if self.asked.batch else {})

    def _tier_is_missing(self, instant: dt.datetime, own: bool) -> bool:
        """Whether what was asked for is not standard, and the list has nothing for it on that day."""
        special = {key: value for key, value in self._context().items() if value not in STANDARD_TIERS}
        variants = self.model.price_variants or () if own else ()
        met = {key for variant in variants if _active(variant, instant) for key in _met(variant, special)}
        return not special.keys() <= met

    def _has_extras(self, prices: ModelPrice) -> bool:
        extractor = _extractor(self.provider.id)
        counted = {mapping.dest for mapping in extractor.mappings} if extractor else set()
        return any(getattr(prices, key) is not None for usage, key in _EXTRAS.items() if usage in counted)


def _references(asked: Asked) -> Iterator[tuple[str | None, str]]:
    """(provider, model) in the order to try: as logged, by a router's prefix, then as a model of OpenAI's."""
    model = str(asked.model)
    prefix, slash, rest = model.partition("/")
    yield asked.provider, model
    if asked.provider is not None:
        if slash:
            yield asked.provider, rest
        return
    if slash:
        yield prefix, rest
    yield "openai", model  # The library knows its fine-tuned models only by this name.


def _lookup(provider: str | None, model: str) -> tuple[Provider, ModelInfo] | None:
    from genai_prices import data_snapshot

    try:
        return data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None


def _provider(name: str) -> Provider | None:
    from genai_prices import data_snapshot

    return data_snapshot.find_provider_by_id(data_snapshot.get_snapshot().providers, name)


def _constraints(model: ModelInfo) -> list[StartDateConstraint | TimeOfDateConstraint]:
    """What limits any price of the model to a time."""
    dated = [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or ())]
    return [item.constraint for item in dated if item.constraint is not None]


def _active(variant: PriceVariant, instant: dt.datetime) -> bool:
    return variant.constraint is None or variant.constraint.active(instant)


def _met(variant: PriceVariant, special: Mapping[str, str]) -> set[str]:
    """Which of the wanted the variant is for; none unless it is for nothing else."""
    wanted = variant.when.items()
    return set(variant.when) if wanted <= special.items() else set()


def _second(time: dt.time) -> int:
    utc = dt.datetime.combine(dt.date(1970, 1, 1), time if time.tzinfo else time.replace(tzinfo=dt.UTC))
    return int(utc.timestamp()) % 86_400


def _steps(prices: ModelPrice) -> tuple[Step, ...]:
    """The rates by length of prompt; a kind of token without a rate of its own costs what its like costs."""
    from genai_prices.types import TieredPrices

    priced = {name: getattr(prices, key) for name, key in _KEYS.items() if getattr(prices, key) is not None}
    starts = {tier.start for price in priced.values() if isinstance(price, TieredPrices) for tier in price.tiers}

    def rate(price: Decimal | TieredPrices, over: int) -> Decimal:
        if not isinstance(price, TieredPrices):
            return price
        return next((tier.price for tier in reversed(price.tiers) if over >= tier.start), price.base)

    return tuple(
        Step(over, {name: rate(price, over) for name, price in priced.items()}) for over in (-1, *sorted(starts))
    )


@functools.cache
def _extractor(provider: str) -> UsageExtractor | None:
    """How the library reads the usage of a provider's chat completions."""
    extractors = getattr(_provider(provider), "extractors", None) or ()
    flavors = {extractor.api_flavor: extractor for extractor in extractors}
    return flavors.get("chat") or flavors.get("default")


def _reasoning_beside(provider: Provider) -> bool:
    extractor = _extractor(provider.id)
    paths = [mapping.path for mapping in extractor.mappings if mapping.dest == "output_tokens"] if extractor else []
    return any((path if isinstance(path, str) else path[-1]) == "reasoning_tokens" for path in paths)
