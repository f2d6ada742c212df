"""Reports about money; what a response costs is told by sql/priced.sql and the rate table it joins."""

from __future__ import annotations

from chatlogs.asking.measures import COUNT, SHARE, TOKENS, USD, Measure, Report
from chatlogs.schema import TEXT

PRICED = ("price_status", "price_model", "price_source", "cost_usd")
"""What every response gets beside the columns of completions."""

COST = Report(
    "cost",
    "What it cost, by model or any other key.",
    ("completions",),
    (
        Measure("responses", COUNT, "Responses in the group."),
        Measure("unpriced", COUNT, "Responses without a price, errors that cost nothing left out; no sum has them."),
        Measure(
            "approximate", COUNT, "Priced responses whose price is not quite theirs; see price_status.", shown=False
        ),
        Measure("priced_share", SHARE, "Responses with a price, of those that could have one."),
        Measure("prompt_usd", USD, "US dollars for prompts, cached tokens at their rate."),
        Measure("completion_usd", USD, "US dollars for answers, reasoning included."),
        Measure("cost_usd", USD, "US dollars, over the responses that have a price; null when none has."),
        Measure("usd_per_1k", USD, "US dollars for a thousand responses that have a price."),
    ),
    by=("model",),
    sort=("cost_usd", "responses"),
    help="""
    \b
      chatlogs cost store --by day,model --since 7d
      chatlogs cost store --by price_status,model   which prices are missing
      chatlogs cost store --prices contract.toml    your own rates
      chatlogs cost store --what-if gpt-4.1-mini    the same tokens, another model

    Rates come from genai-prices, offline, by the day, tier and length of prompt of each response. What has no
    price is counted and named, never 0. A price file holds [[price]] tables, the last that fits wins: model (may be
    a glob), provider, tier, since, prompt_over, and US dollars for a million tokens: prompt, cached, cache_write,
    completion, reasoning, prompt_audio, completion_audio; request is for a thousand of them.
    """,
    twin="cost(by=['day', 'model'])",
    total=True,
    beside=("price_status", "model"),
    spare=("usd_per_1k", "completion_usd", "prompt_usd", "unpriced"),
    added=PRICED,
)

WHAT_IF = Report(
    "what_if",
    "What it would cost with another model.",
    ("completions",),
    (
        Measure("responses", COUNT, "Responses in the group."),
        Measure("compared", COUNT, "Responses that have both prices; the sums are over these."),
        Measure("cost_usd", USD, "US dollars they cost."),
        Measure("what_if_usd", USD, "US dollars the same tokens cost with the other model."),
        Measure("difference_usd", USD, "How much more the other model costs; negative: less."),
        Measure("ratio", SHARE, "The other model's cost, in parts of what it cost."),
    ),
    by=("model",),
    sort=("cost_usd", "responses"),
    twin="cost(what_if='gpt-4.1-mini')",
    total=True,
    spare=("ratio",),
    added=PRICED,
)

RECONCILE = Report(
    "reconcile",
    "Compare with the provider's bill, by day and model.",
    (),
    (
        Measure("found_in", TEXT, "'both', 'logs' or 'bill'."),
        Measure("responses", COUNT, "Responses in the logs, errors that cost nothing left out."),
        Measure("bill_requests", COUNT, "Requests on the bill; null when it tells none."),
        Measure("total_tokens", TOKENS, "Totals in the logs as reported, never recomputed."),
        Measure(
            "no_total_tokens",
            COUNT,
            "Responses in the logs that report usage, but no total_tokens; the sum leaves them out.",
            shown=False,
        ),
        Measure("bill_tokens", TOKENS, "Input and output tokens on the bill; null when it tells none."),
        Measure("priced_share", SHARE, "Responses with a price, of those that could have one."),
        Measure("cost_usd", USD, "US dollars by the logs, over the responses that have a price."),
        Measure("bill_usd", USD, "US dollars on the bill; null when it tells none."),
        Measure("difference_usd", USD, "The bill less the logs; a side without a number counts as nothing."),
    ),
    by=("day", "model"),
    sort=("by",),
    twin="reconcile('costs.json')",
    total=True,
    spare=("priced_share", "bill_requests", "bill_tokens", "found_in", "total_tokens", "responses"),
    utc_days=True,
    added=("created", "model"),  # What a bill can tell; `where` sees all that `cost` sees.
)
