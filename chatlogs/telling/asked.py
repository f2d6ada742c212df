"""A report asked for, as it is shown to people: its answer, how that looks, and what goes with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatlogs.asking import queries
from chatlogs.asking.measures import HOUR
from chatlogs.asking.reports import ALL
from chatlogs.telling.tables import Look

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters


@dataclass(frozen=True)
class Asked:
    """An answer and what was asked; and the same over all of it, and by the report's `beside` keys, where needed."""

    name: str
    logs: Logs
    frame: pl.DataFrame
    filters: Filters
    total: pl.DataFrame | None = None
    beside: pl.DataFrame | None = None

    @property
    def narrowed(self) -> bool:
        """Whether any filter leaves responses out."""
        filters = self.filters
        return bool(filters.since is not None or filters.until is not None or filters.model or filters.where)

    def count(self, column: str, condition: str, *, report: str = "", ever: bool = False) -> int:
        """The sum of a report's column over what was asked about and fits the condition; `ever`: at any time."""
        where = f"({self.filters.where}\n) and {condition}" if (self.filters.where or "").strip() else condition
        whole = dataclasses.replace(self.filters, by=[], sort=(), limit=0, what_if=None, where=where)
        asked = dataclasses.replace(whole, since=None, until=None) if ever else whole
        return int(self.logs.ask(report or self.name, asked)[column].sum() or 0)

    def again(self, report: str, by: Sequence[str]) -> pl.DataFrame:
        """All of it, by other keys."""
        return self.logs.ask(report, dataclasses.replace(self.filters, by=by, sort=(), limit=0, what_if=None))

    @property
    def shown(self) -> pl.DataFrame:
        """The rows worth a person's time: groups with log probabilities; of an audit by key, what found something."""
        if self.name == "logprobs":
            return self.frame.filter(self.frame["with_logprobs"] > 0)
        return self.frame.filter(self.frame["found"] > 0) if self.name == "audit" and self.filters.by else self.frame

    def look(self, color: str = "auto") -> Look:
        """How the table looks."""
        report = ALL[self.name]
        keys = queries.build(self.name, self.filters).keys
        unshown = [measure.name for measure in report.measures if not measure.shown]
        return Look(
            units={"hour": HOUR} | {measure.name: measure.unit for measure in report.measures},
            hidden=frozenset([*unshown, *(column for column, measure in report.same if column in keys)]),
            nulls=dict.fromkeys(keys, "(none)") | dict(report.nulls),
            bar=report.bar or None,
            grouped=keys if report.parts else (),
            total=self.total,
            spare=report.spare,
            folded=frozenset(("detail", "rule")),
            least_text=14 if self.name == "rejects" else Look.least_text,
            color=color,
        )


def ask(name: str, logs: Logs, filters: Filters, *, total: bool = False, notes: bool = False) -> Asked:
    """The answer to a report from one look at the data; with the row over all of it, and with what notes need."""
    report = ALL[name]
    keys = report.by if filters.by is None else filters.by.split(",") if isinstance(filters.by, str) else filters.by
    with_total = total and report.total and any(key.strip() for key in keys)
    with_notes = notes and bool(report.beside)
    groups = [keys, *([()] if with_total else []), *([report.beside] if with_notes else [])]
    if len(groups) == 1:
        return Asked(name, logs, logs.ask(name, filters), filters)
    frame, *others = logs.ask_together(name, filters, groups)
    return Asked(name, logs, frame, filters, others[0] if with_total else None, others[-1] if with_notes else None)
