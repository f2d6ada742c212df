"""What a price is here: rates by kind of token, in steps by the prompt's length, for a span of time.

The rule: the words of this module are those of the `rates` in SQL, of `--prices` files and of the columns
that `cost` adds to every response; nothing else names them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

RATES: Mapping[str, str] = {
    "prompt": "Prompt tokens that no other rate takes.",
    "cached": "Prompt tokens served from cache.",
    "cache_write": "Prompt tokens written to the cache.",
    "prompt_audio": "Audio tokens in the prompt.",
    "completion": "Completion tokens that no other rate takes.",
    "reasoning": "Reasoning tokens, where they have a rate of their own.",
    "completion_audio": "Audio tokens in the answer.",
    "request": "A thousand requests, whatever their length.",
}
"""In US dollars for a million tokens; `request` for a thousand requests."""

PRICE_STATUS: Mapping[str, str] = {
    "exact": "Priced at the rates for its model, tier, day and length of prompt.",
    "tier_fallback": "Priced at the standard rates: none are known for its tier, or for batches, on that day.",
    "without_extras": "Priced for its tokens; what the provider charges beside them, such as searches, is not known.",
    "no_audio_rate": "Not priced: it used audio tokens, and only rates for text are known.",
    "unclear_usage": "Not priced: the reported counts exceed each other, such as more cached than prompt tokens.",
    "no_usage": "Not priced: the log holds no token counts for it.",
    "no_time": "Not priced: its rates changed over time, and the log does not say when it was.",
    "unknown_model": "Not priced: no price is known for its model.",
    "unknown_provider": "Not priced: the log names a provider without a price list.",
    "no_model": "Not priced: the log does not name its model.",
    "failed": "An error without usage: there is nothing to price.",
}

STANDARD_TIERS = frozenset({None, "default", "standard", "auto", "on_demand"})
"""What providers call the tier that standard rates are for."""


@dataclass(frozen=True)
class Asked:
    """What responses of the logs have in common that have one price on one day; None where the log is silent."""

    model: str | None
    provider: str | None
    tier: str | None
    batch: bool


@dataclass(frozen=True)
class Step:
    """Rates of requests with more than `over` prompt tokens; -1 for all. All tokens of a request cost these."""

    over: int
    rates: Mapping[str, Decimal]


@dataclass(frozen=True)
class Quote:
    """The price of something at one instant: `steps` rise in `over`, and are empty when `status` says why not."""

    status: str
    steps: tuple[Step, ...] = ()
    price_model: str | None = None  # As the price list names it.
    price_source: str | None = None
    reasoning_beside: bool = False  # Whether the provider counts reasoning beside completion_tokens, not inside.


class Offer(Protocol):
    """The quotes for one thing over time."""

    @property
    def dates(self) -> frozenset[dt.date]:
        """Days, in UTC, from which another quote may apply."""
        ...

    @property
    def seconds(self) -> frozenset[int]:
        """Seconds of the day, in UTC, from which another quote may apply."""
        ...

    def at(self, instant: dt.datetime) -> Quote | None:
        """The quote at an instant; None when this offer has none then."""
        ...
