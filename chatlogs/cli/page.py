"""The command that writes a page for others to read: report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from chatlogs.cli.costs import prices_option
from chatlogs.cli.inputs import opened
from chatlogs.cli.options import Command, Option, common_options, file_option, filter_options, paths_argument, tell
from chatlogs.errors import QueryError

if TYPE_CHECKING:
    from chatlogs.asking.queries import Filters


@click.command(cls=Command, name="report", epilog="Python: chatlogs.report(chatlogs.open(STORE), 'report.html')")
@paths_argument()
@file_option("the page goes")
@click.option("--title", cls=Option, default="", metavar="TEXT", help="What stands above it.")
@prices_option
@filter_options(keys=False, queries=False)
@common_options
def report(paths: tuple[str, ...], path: str | None, title: str, filters: Filters) -> None:
    """Everything on one page to send around: an HTML file.

    \b
      chatlogs report store -o report.html
      chatlogs report store -o october.html --since 2026-10 --until 2026-10 --title 'Shop, October'

    What changed, then tokens, cost, finish reasons, backends over time, latency, errors, tools, and what the sums leave
    out; each table with its query. The page loads nothing, runs no script, and holds no text of any prompt or answer.
    """
    from chatlogs.asking import pricing
    from chatlogs.telling import notes, page

    if path == "":
        raise QueryError("-o has no name, maybe a variable that is not set: name a file.")
    pricing.check(filters)
    with opened(paths) as logs:
        if path in (None, "-"):
            click.echo(page.page(logs, filters, title=title), nl=False)
        else:
            page.write(logs, str(path), filters, title=title)
            tell(f"{path}: open it in a browser")
        for note in notes.of_nothing(logs):
            tell(note)


COMMANDS: Mapping[str, click.Command] = {"report": report}
