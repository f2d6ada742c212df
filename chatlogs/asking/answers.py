"""Reports as methods: one short method each, all with the same filters.

The rule: what a method counts is told by its report's declaration; here stand only names and defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from chatlogs.asking.differences import ALPHA
from chatlogs.asking.periods import When
from chatlogs.asking.queries import Filters
from chatlogs.errors import did_you_mean

if TYPE_CHECKING:
    from typing import Unpack

    import polars as pl

Keys = str | Sequence[str] | None


class Filtered(TypedDict, total=False):
    """What every report can be narrowed by.

    `until` includes a date and excludes a time; `model` takes globs; `where` is SQL on the tables' columns.
    """

    since: When | None
    until: When | None
    tz: str
    model: str | Sequence[str]
    where: str | None
    sort: str | Sequence[str]
    limit: int


class Answers:
    """The reports. `by` takes any columns, hour, day, week, month or metadata.KEY; by=[] asks for one total."""

    def ask(self, report: str, filters: Filters | None = None) -> pl.DataFrame:
        """The answer to a named report; reports.REPORTS lists them and describes their columns."""
        raise NotImplementedError

    def with_counts(self, audit: pl.DataFrame, filters: Filters) -> pl.DataFrame:
        """The audit with counted tokens of the answers without usage."""
        raise NotImplementedError

    def usage(self, by: Keys = "model", **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Tokens used, cached and reasoning shares; a sum nobody reported is null."""
        return self.ask("usage", _filters(by, filters))

    def finish_reasons(self, by: Keys = "model", **filters: Unpack[Filtered]) -> pl.DataFrame:
        """How often choices stop for which reason, with each reason's share of its group.

        Keys may be columns of choices too. A null reason: the stream was cut off.
        """
        return self.ask("finish", _filters(by, filters))

    def limits(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Choices that stopped for length, against the max_tokens they were asked for with."""
        return self.ask("limits", _filters(by, filters))

    def backends(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Which backends answered, when, and how they took turns; by=['day', 'model'] for shares of days."""
        return self.ask("backends", _filters(by, filters))

    def repeats(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """How often equal requests with a seed got equal answers, within a backend and across."""
        return self.ask("repeats", _filters(by, filters))

    def latency(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Times by the logger's clock and the server's: percentiles of each metric."""
        return self.ask("latency", _filters(by, filters))

    def errors(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Errors by HTTP status, type and code, with their share of all responses."""
        return self.ask("errors", _filters(by, filters))

    def tools(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Calls of each tool, with the share of valid arguments and of parallel calls."""
        return self.ask("tools", _filters(by, filters))

    def confidence(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """Mean log probabilities and perplexity, where they were logged."""
        return self.ask("logprobs", _filters(by, filters))

    def cache(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """How much of the prompts came from the cache, and how that is spread."""
        return self.ask("cache", _filters(by, filters))

    def audit(self, by: Keys = None, *, count_tokens: bool = False, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """The numbers' own lint: each rule with what it found.

        `count_tokens` counts the answers without usage by a tokenizer, offline (pip install 'chatlogs[tokens]').
        """
        asked = _filters(by, filters)
        audit = self.ask("audit", asked)
        return self.with_counts(audit, asked) if count_tokens else audit

    def flags(self, by: Keys = None, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """How many responses carry which flag."""
        return self.ask("flags", _filters(by, filters))

    def cost(
        self,
        by: Keys = "model",
        *,
        prices: str | None = None,
        what_if: str | None = None,
        **filters: Unpack[Filtered],
    ) -> pl.DataFrame:
        """What it cost in US dollars; what has no price is counted, never 0.

        `prices` is a file of one's own rates. With `what_if`, what the same tokens cost with that model.
        """
        return self.ask("cost" if what_if is None else "what_if", _filters(by, filters, prices=prices, what_if=what_if))

    def reconcile(
        self, bill: str, by: Keys = ("day", "model"), *, prices: str | None = None, **filters: Unpack[Filtered]
    ) -> pl.DataFrame:
        """The logs beside a provider's exported bill or usage (JSON or CSV), by day and model."""
        return self.ask("reconcile", _filters(by, filters, prices=prices, bill=bill))

    def diff(
        self,
        before: str,
        after: str,
        by: Keys = None,
        *,
        prices: str | None = None,
        alpha: float = ALPHA,
        **filters: Unpack[Filtered],
    ) -> pl.DataFrame:
        """Two sides compared: how answers stop, how long they are, what they call, take and cost.

        A side is a period (`2026-10`, `2026-10-18..`), a model or fingerprint, or a condition in SQL. By default each
        model that is on both sides is compared with itself, else all is together. `changed` holds at most once in
        1/alpha comparisons where nothing did.
        """
        from chatlogs.asking import comparing

        asked = _filters(by, filters, prices=prices, before=before, after=after)
        return comparing.compare(self.ask, asked, alpha=alpha)

    def summary(self, **filters: Unpack[Filtered]) -> pl.DataFrame:
        """One row that says what is here."""
        return self.ask("summary", _filters(None, filters))


def _filters(by: Keys, given: Filtered, **more: str | None) -> Filters:
    """All that is asked in one value; TypeError names a filter there is not."""
    for name in given:
        if name not in Filtered.__annotations__:
            known = ", ".join(Filtered.__annotations__)
            hint = did_you_mean(name, Filtered.__annotations__)
            raise TypeError(f"there is no filter '{name}'.{hint} Known: {known}.")
    return Filters(by, **given, **more)  # type: ignore[arg-type]
