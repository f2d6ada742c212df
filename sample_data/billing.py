"""The bill for the sample logs, as the provider's costs are exported: a line for each day, model and kind of token.

The rates are written down here, so that a bill is made without any price list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from records import Answer
from traffic import BIG, CODER, MINI, THINKER

# US dollars for a million tokens: input, cached input, output.
RATES = {
    MINI: ("0.15", "0.075", "0.60"),
    BIG: ("2.50", "1.25", "10.00"),
    CODER: ("2.00", "0.50", "8.00"),
    THINKER: ("0.25", "0.025", "2.00"),
}
KINDS = ("input", "cached input", "output")
HEADING = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,"
    "organization_id,organization_name"
)


def bill(answers: Iterable[Answer]) -> str:
    """The export, as CSV."""
    amounts: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
    for answer in answers:
        usage = answer.usage
        tokens = (answer.prompt - answer.cached, answer.cached, usage["completion_tokens"])
        for kind, count, rate in zip(KINDS, tokens, RATES[answer.model], strict=True):
            if count:
                amounts[answer.created // 86_400 * 86_400, answer.model, kind] += count * Decimal(rate) / 1_000_000
    return "\n".join([HEADING, *(_line(*item, amounts[item]) for item in sorted(amounts))]) + "\n"


def _line(start: int, model: str, kind: str, amount: Decimal) -> str:
    begin = datetime.fromtimestamp(start, UTC)
    end = begin + timedelta(days=1)
    times = f"{start},{start + 86_400},{begin.isoformat()},{end.isoformat()}"
    return f'{times},{amount:f},usd,"{model}, {kind}",proj_shop,org-example,Example'
