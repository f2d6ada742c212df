"""What changed as a backend began to answer, in sentences that diff writes."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatlogs.asking import comparing, queries
from chatlogs.asking.periods import zone
from chatlogs.errors import QueryError
from chatlogs.telling.tables import number

if TYPE_CHECKING:
    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters

_LEAST_SHARE = 0.05  # Of a model's responses: what less answer moves nothing.
_MOST = 3
_SENTENCES = 5


@dataclass(frozen=True)
class Change:
    """A day on which a backend began to answer for a model, and what diff finds changed from then on."""

    title: str
    sentences: tuple[str, ...]
    command: str


def found(logs: Logs, filters: Filters) -> list[Change]:
    """The changes of most weight, in the order of time; each compares the days before with those from then on."""
    rows = logs.ask("backends", replace(filters, by=["model"], sort=(), limit=0)).to_dicts()
    whole: dict[str, int] = {}
    first: dict[str, dt.date] = {}
    begun: list[tuple[int, dt.date, str, str]] = []
    for row in rows:
        if row["model"] is not None and row["first_seen"] is not None:
            day = row["first_seen"].astimezone(zone(filters.tz)).date()
            whole[row["model"]] = whole.get(row["model"], 0) + row["responses"]
            first[row["model"]] = min(first.get(row["model"], day), day)
            if row["told_by"] == "fingerprint":
                begun.append((row["responses"], day, row["model"], row["backend"]))
    late = [one for one in begun if one[1] > first[one[2]] and one[0] >= _LEAST_SHARE * whole[one[2]]]
    late = sorted(sorted(late, key=lambda one: (-one[0], one[2], one[3]))[:_MOST], key=lambda one: one[1:])
    return [change for one in late for change in _change(logs, filters, *one, whole[one[2]])]


def _change(
    logs: Logs, filters: Filters, responses: int, day: dt.date, model: str, backend: str, whole: int
) -> Iterator[Change]:
    before, after = f"..{day - dt.timedelta(days=1)}", f"{day}.."
    own = f"model = {queries.literal(model)}"
    where = f"({filters.where}\n) and {own}" if (filters.where or "").strip() else own
    asked = replace(filters, by=["model"], sort=(), limit=0, model=(), where=where, before=before, after=after)
    try:
        compared = comparing.compare(logs.ask, asked)
    except QueryError:  # Nothing lies on one of the sides.
        return
    changed = compared.filter(compared["changed"].fill_null(False))
    share = number(responses / whole, "share")
    given = {"--since": filters.since, "--until": filters.until, "--where": filters.where}
    given |= {"--tz": filters.tz} if filters.tz != "UTC" else {}
    more = [word for option, value in given.items() if value for word in (option, str(value))]
    yield Change(
        f"On {day}, {backend} began to answer as {model}: {share} of its responses in all.",
        tuple(changed["sentence"].head(_SENTENCES)),
        shlex.join(["chatlogs", "diff", "STORE", "--before", before, "--after", after, "-m", model, *more]),
    )
