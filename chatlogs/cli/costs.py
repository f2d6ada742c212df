"""Commands about money: cost, and reconcile with the provider's bill.

The rule: a sum of money never stands alone; what it leaves out, and what in it is not exact, is told beside it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from chatlogs.asking.costs import COST, RECONCILE
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    filter_options,
    output_options,
    paths_argument,
)
from chatlogs.cli.reports import answer

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters

_NAMED = 5  # Models named in a note.

prices_option = click.option(
    "--prices", cls=Option, metavar="FILE", help="Prices of your own, TOML or JSON; they win over the list."
)


@click.command(
    cls=Command,
    name="cost",
    help=f"{COST.title}\n\n{inspect.cleandoc(COST.help)}",
    epilog=f"Python: chatlogs.open(STORE).{COST.twin}",
)
@paths_argument()
@prices_option
@click.option("--what-if", cls=Option, metavar="MODEL", help="What the same tokens would cost with this model.")
@filter_options(keys=True)
@output_options
@common_options
def cost(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
    _check(filters.prices)
    answer("what_if" if filters.what_if else "cost", paths, filters, show_sql, output, _notes)


@click.command(cls=Command, name="reconcile", epilog=f"Python: chatlogs.open(STORE).{RECONCILE.twin}")
@paths_argument()
@click.option("--bill", cls=Option, required=True, metavar="FILE", help="The exported bill: JSON or CSV.")
@prices_option
@filter_options(keys=True)
@output_options
@common_options
def reconcile(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
    """Compare with the provider's bill, by day and model.

    \b
      chatlogs reconcile store --bill costs.json
      chatlogs reconcile store --bill completions_usage.csv --by model

    FILE is what OpenAI's usage page or its costs and usage APIs export. A bill's days are UTC days; only those it is
    for are compared. A bill that tells no models is compared by day.
    """
    from chatlogs.asking import bills

    _check(filters.prices)
    filters = dataclasses.replace(filters, by=bills.keys(str(filters.bill)) if filters.by is None else filters.by)
    answer("reconcile", paths, filters, show_sql, output, _reconcile_notes)


COMMANDS: Mapping[str, click.Command] = {"cost": cost, "reconcile": reconcile}


def _check(prices: str | None) -> None:
    """Say of a mistake in the file before hours of reading."""
    from chatlogs.asking import pricefile

    if prices:
        pricefile.read(prices)


def _notes(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    """What the sums leave out, what in them is not exact, and where the prices come from."""
    from chatlogs.asking import pricelist
    from chatlogs.asking.tariffs import PRICE_STATUS
    from chatlogs.telling.tables import counted

    source = f"{filters.prices}, then " if filters.prices else ""
    sources = f"US dollars by {source}{pricelist.source()}; a provider's bill may differ"
    if "approximate" in frame.columns and not frame["unpriced"].sum() + frame["approximate"].sum():
        return [sources]
    whole = dataclasses.replace(filters, by=["price_status", "model"], sort=["responses"], limit=0, what_if=None)
    by_status = logs.ask("cost", whole)
    notes = []
    for status, meaning in PRICE_STATUS.items():
        rows = by_status.filter(by_status["price_status"] == status)
        if status in ("exact", "failed") or not rows.height:
            continue
        named = [str(model) for model in rows["model"].to_list()[:_NAMED] if model is not None]
        more = f" and {rows.height - _NAMED} more" if rows.height > _NAMED else ""
        models = f" ({', '.join(named)}{more})" if named else ""
        notes.append(f"{counted(int(rows['responses'].sum()), 'responses')}{models}: {meaning[0].lower()}{meaning[1:]}")
    return [*notes, sources]


def _reconcile_notes(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    from chatlogs.asking import bills

    days = [line.day for line in bills.read(str(filters.bill))]
    notes = [f"the bill is for {min(days)} to {max(days)}; responses of other days and without a time are left out"]
    alone = {side: int((frame["found_in"] == side).sum()) for side in ("logs", "bill")}
    if any(alone.values()):
        notes.append(f"{alone['logs']} rows are only in the logs, {alone['bill']} only on the bill")
    return [*notes, *_notes(logs, frame, dataclasses.replace(filters, since=filters.since or str(min(days)),
                                                             until=filters.until or str(max(days))))]  # fmt: skip
