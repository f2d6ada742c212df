"""What stands below a sum of money, a sentence each.

The rule: a sum of money never stands alone; what it leaves out, and what in it is not exact, is told beside it.
"""

from __future__ import annotations

import dataclasses

from chatlogs import sql
from chatlogs.tally import counted
from chatlogs.telling.asked import Asked

_NAMED = 5  # Models named in a note.


def _cost(asked: Asked) -> list[str]:
    """What the sums leave out, what in them is not exact, and where the prices come from."""
    from chatlogs.asking import pricelist
    from chatlogs.asking.tariffs import PRICE_STATUS

    frame, filters = asked.frame, asked.filters
    idle, used = _own(asked)
    source = f"{filters.prices}, then " if used else ""
    sources = f"US dollars by {source}{pricelist.source()}; a provider's bill may differ"
    if "approximate" in frame.columns and not filters.limit:
        gaps = frame.filter((frame["unpriced"] > 0) | (frame["approximate"] > 0))
        if gaps.is_empty():
            return [*idle, sources]
    by_status = asked.beside if asked.beside is not None else asked.again("cost", by=["price_status", "model"])
    by_status = by_status.sort("responses", "model", descending=[True, False], nulls_last=True)
    notes = []
    for status, meaning in PRICE_STATUS.items():
        rows = by_status.filter(by_status["price_status"] == status)
        if status in ("exact", "failed") or not rows.height:
            continue
        named = [str(model) for model in rows["model"].to_list()[:_NAMED] if model is not None]
        more = f" and {rows.height - _NAMED} more" if rows.height > _NAMED else ""
        models = f" ({', '.join(named)}{more})" if named else ""
        notes.append(f"{counted(int(rows['responses'].sum()), 'responses')}{models}: {meaning[0].lower()}{meaning[1:]}")
    return [*notes, *idle, sources]


def _own(asked: Asked) -> tuple[list[str], bool]:
    """Which of one's own prices fit nothing in these logs, and whether any fits."""
    from chatlogs.asking import pricefile, tariffs

    if asked.filters.prices is None:
        return [], False
    entries = pricefile.read(asked.filters.prices).entries
    priced = [tariffs.Asked(*row[:4]) for row in asked.logs.sql(sql.text("spans")).rows()]
    if asked.filters.what_if is not None:
        priced += [dataclasses.replace(one, model=asked.filters.what_if, provider=None) for one in priced]
    idle = [str(entry) for entry in entries if not any(entry.fits(one) for one in priced)]
    named = ", ".join(idle[:_NAMED]) + (f" and {len(idle) - _NAMED} more" if len(idle) > _NAMED else "")
    told = [f"{len(idle)} of {len(entries)} prices fit no response: {named}"] if idle else []
    return told, len(idle) < len(entries)


def _reconcile(asked: Asked) -> list[str]:
    from chatlogs.asking import bills

    frame, filters = asked.frame, asked.filters
    days = [line.day for line in bills.read(str(filters.bill))]
    notes = [f"the bill is for {min(days)} to {max(days)}; responses of other days and without a time are left out"]
    alone = {side: int((frame["found_in"] == side).sum()) for side in ("logs", "bill")}
    if any(alone.values()):
        notes.append(
            f"only in the logs: {counted(alone['logs'], 'rows')}; only on the bill: {counted(alone['bill'], 'rows')}"
        )
    within = dataclasses.replace(filters, since=filters.since or min(days), until=filters.until or max(days))
    if untold := int(frame["no_total_tokens"].sum()):
        notes.append(f"{counted(untold, 'responses')} with usage but without total_tokens: that sum leaves them out")
    return [*notes, *_cost(dataclasses.replace(asked, filters=within))]


NOTES = {"cost": _cost, "what_if": _cost, "reconcile": _reconcile}
