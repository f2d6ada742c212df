"""A condition that cannot be asked in, one sentence out: what is wrong with it, and where a column is to be found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from chatlogs.asking import queries, session
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import ALL
from chatlogs.errors import EXIT_USAGE, QueryError
from chatlogs.schema import TABLES


@contextmanager
def explained(report: str, filters: Filters) -> Iterator[None]:
    """For a condition that cannot be asked, why; for a column the report does not have, where it is to be found."""
    written = {"--where": filters.where, "--before": filters.before, "--after": filters.after}
    with explained_of(written, report, ALL[report].columns):
        yield


@contextmanager
def explained_of(written: Mapping[str, str | None], place: str, known: Sequence[str]) -> Iterator[None]:
    """The same for conditions by their options, on what has these columns."""
    try:
        yield
    except session.SqlError as error:
        options = " and ".join(option for option, text in written.items() if (text or "").strip())
        if not options or error.exit_code != EXIT_USAGE:
            raise
        missing = re.search(r'Referenced column "(.+?)" not found', str(error))
        if not missing:
            # Only what stands there is not ours; ours goes on behind it with a bracket.
            why = str(error).replace('syntax error at or near ")"', "syntax error, maybe as it ends too early")
            is_name = "--before" in options and "Parser Error" in why
            hint = ". A model whose name has blanks is written \"model = '...'\"." if is_name else ""
            raise QueryError(f"{options} cannot be asked: {why}{hint}") from None
        name = missing[1]
        if any(f'"{name}"' in (text or "") for text in written.values()):
            raise QueryError(
                f"{options} takes \"{name}\" for a column: a text stands in single quotes, '{name}'."
            ) from None
        homes = [table for table in TABLES.values() if name in table.names and "completion_key" in table.names]
        if not homes or "completion_key" not in known:
            raise queries.unknown(options, name, known) from None
        within = f"completion_key in (select completion_key from {homes[0].name} where {name} = ...)"
        raise QueryError(
            f"column '{name}' is in {homes[0].name}, not in {place}: write --where \"{within}\"."
        ) from None
