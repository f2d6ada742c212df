"""What is compared when two sides of the logs are, and the columns of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from chatlogs.asking.costs import PRICED
from chatlogs.asking.measures import COUNT, REAL, TOKENS, USD, Measure, Report
from chatlogs.schema import BOOL, TEXT

ALPHA = 0.01
"""How often, at most, a comparison of two equal sides finds any difference at all."""

SHARES: Mapping[str, str] = {
    "status": "Part of the responses that are complete, truncated or an error.",
    "finish_reason": "Part of the choices that stopped for a reason.",
    "refusal": "Part of the choices that hold a refusal, of those that tell.",
    "tool_calls": "Part of the choices that call tools.",
    "cache_hit": "Part of the responses with any prompt token from the cache, of those that tell.",
}
SIZES: Mapping[str, tuple[str, str]] = {
    "prompt_tokens": (TOKENS, "Tokens in a prompt."),
    "completion_tokens": (TOKENS, "Tokens in an answer."),
    "reasoning_tokens": (TOKENS, "Reasoning tokens of a response."),
    "content_length": (COUNT, "Characters in the text of a choice, where it is kept."),
    "first_chunk_seconds": (REAL, "From the request to the first chunk, by the logger's clock."),
    "whole_seconds": (REAL, "From the request to the end, by the logger's clock."),
    "cost_usd": (USD, "US dollars for a response that has a price."),
}
OF_CHOICES = frozenset({"finish_reason", "refusal", "tool_calls", "content_length"})
"""Measures of choices; all others are of responses."""

MEASURES: Mapping[str, str] = {**SHARES, **{name: doc for name, (_, doc) in SIZES.items()}}

COLUMNS = (
    Measure("measure", TEXT, "What is compared; below, each is explained."),
    Measure("value", TEXT, "The value whose share is compared; null for the mix of all values, and for sizes."),
    Measure("before_count", COUNT, "Responses or choices before."),
    Measure("after_count", COUNT, "Responses or choices after."),
    Measure("before", REAL, "The share before, or the median."),
    Measure("after", REAL, "The share after, or the median."),
    Measure("difference", REAL, "after less before."),
    Measure(
        "effect", TEXT, "How effect_size is measured: cramers_v (0 to 1) of shares, cliffs_delta (-1 to 1) of sizes."
    ),
    Measure("effect_size", REAL, "How large the difference is, whatever the units: 0 is none."),
    Measure("p_value", REAL, "How likely chance alone differs so; null: too little to judge, or nothing to compare."),
    Measure("p_adjusted", REAL, "The same, corrected for the number of comparisons (Holm)."),
    Measure("changed", BOOL, "Whether p_adjusted is below the limit."),
    Measure("sentence", TEXT, "The row in words."),
)

DIFF = Report(
    "diff",
    "Compare two periods, models, backends or conditions.",
    ("completions",),
    (
        Measure("side", TEXT, "'before' or 'after'."),
        Measure("measure", TEXT, "What was seen."),
        Measure("value", TEXT, "The value, where it is one of few."),
        Measure("number", REAL, "The value, where it is a number."),
        Measure("seen", COUNT, "How often."),
    ),
    by=("model",),
    sort=("by", "measure:asc", "side:desc", "value:asc", "number:asc"),
    twin="diff(before='2026-10-01..2026-10-17', after='2026-10-18..')",
    added=PRICED,
)
