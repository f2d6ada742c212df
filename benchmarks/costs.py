"""What pricing a large store takes, beside a call of genai-prices for each response: one command, one table.

python benchmarks/costs.py                   a million completions
python benchmarks/costs.py --store DIR       keep the store there, and use it again
"""

from __future__ import annotations

import functools
import statistics
import sys
from pathlib import Path

import genai_prices
from made_store import HERE, run, seconds
from measure import measure

import chatlogs

SAMPLE = 20_000
QUESTIONS = {
    "cost": {},
    "cost --by day,model": {"by": ["day", "model"]},
    "cost --what-if gpt-4.1-mini": {"what_if": "gpt-4.1-mini"},
}


def one_by_one(logs: chatlogs.Logs) -> float:
    """US dollars of the first responses with a known model, each by a call of the library."""
    query = f"""
        select model, created, service_tier, prompt_tokens, cached_tokens, completion_tokens
        from completions
        where model like 'gpt%' and prompt_tokens is not null
        limit {SAMPLE}
    """
    total = 0.0
    for model, created, tier, prompt, cached, completion in logs.sql(query).iter_rows():
        usage = genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached or 0, output_tokens=completion)
        context = {"service_tier": tier} if tier else None
        price = genai_prices.calc_price(
            usage, model, provider_id="openai", genai_request_timestamp=created, price_context=context
        )
        total += float(price.total_price)
    return total


def report(path: Path, rows: int, repeats: int) -> None:
    logs = chatlogs.open(path)
    genai_prices.calc_price(genai_prices.Usage(input_tokens=1), "gpt-4o", provider_id="openai")  # reads its list
    called = seconds(functools.partial(one_by_one, logs)) * rows / SAMPLE
    print("| question | same process, median | whole command |\n|---|---:|---:|")
    for command, options in QUESTIONS.items():
        took = [seconds(functools.partial(logs.cost, **options)) for _ in range(repeats)]
        whole = measure([sys.executable, "-m", "chatlogs", *command.split(), str(path)], cwd=HERE.parent).wall
        print(f"| `{command}` | {statistics.median(took):.2f} s | {whole:.2f} s |")
    print(f"| a call of genai-prices for each | ~{called:.0f} s, by a sample of {SAMPLE:,} | |")


if __name__ == "__main__":
    run(__doc__, report, rows=1_000_000, about=f"genai-prices {genai_prices.__version__}")
