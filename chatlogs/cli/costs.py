"""Commands about money: cost, and reconcile with the provider's bill."""

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
    from chatlogs.asking.queries import Filters

prices_option = click.option(
    "--prices",
    cls=Option,
    metavar="FILE",
    type=click.Path(readable=False),
    help="Prices of your own, TOML or JSON; they win over the list.",
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
    from chatlogs.asking import pricing

    pricing.check(filters)  # A mistake is told before hours of reading.
    answer("cost" if filters.what_if is None else "what_if", paths, filters, show_sql, output)


@click.command(cls=Command, name="reconcile", epilog=f"Python: chatlogs.open(STORE).{RECONCILE.twin}")
@paths_argument()
@click.option(
    "--bill",
    cls=Option,
    required=True,
    metavar="FILE",
    type=click.Path(readable=False),
    help="The exported bill: JSON or CSV.",
)
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
    from chatlogs.asking import bills, pricing

    pricing.check(filters)
    filters = dataclasses.replace(filters, by=bills.keys(str(filters.bill)) if filters.by is None else filters.by)
    answer("reconcile", paths, filters, show_sql, output)


COMMANDS: Mapping[str, click.Command] = {"cost": cost, "reconcile": reconcile}
