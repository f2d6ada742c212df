"""Commands that answer a named question: one for each report.

The rule: what a report is stands in reports.REPORTS; here is how it is asked for and shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chatlogs.asking.measures import Report
from chatlogs.asking.overview import SUMMARY
from chatlogs.asking.reports import REPORTS
from chatlogs.asking.trust import AUDIT
from chatlogs.cli.inputs import opened, show_query
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    filter_options,
    output_options,
    paths_argument,
    setting,
    tell,
)
from chatlogs.telling import notes

if TYPE_CHECKING:
    from chatlogs.asking.queries import Filters


def _help(report: Report) -> str:
    return f"{report.title}\n\n{inspect.cleandoc(report.help)}".strip()


def _epilog(report: Report) -> str | None:
    return f"Python: chatlogs.open(STORE).{report.twin}" if report.twin else None


@click.command(cls=Command, name="summary", help=_help(SUMMARY), epilog=_epilog(SUMMARY))
@paths_argument()
@filter_options(keys=False)
@output_options
@common_options
def summary(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
    from chatlogs.cli import screens

    if show_sql or not output.for_people:
        return answer("summary", paths, filters, show_sql, output)
    with opened(paths) as logs:
        screens.summary(logs, filters, output, str(setting("color") or "auto"))
        for note in notes.of_nothing(logs):
            tell(note)
        if steps := screens.next_steps(logs, paths, filters):
            tell(steps)


@click.command(cls=Command, name="rejects")
@paths_argument()
@click.option("--where", cls=Option, metavar="SQL", help="Only these, such as \"reason = 'not_json'\".")
@click.option("-n", "--limit", cls=Option, default=100, show_default=True, metavar="N", help="The first N; 0 is all.")
@click.option("--show-sql", cls=Option, is_flag=True, help="Print the query instead.")
@output_options
@common_options
def rejects(paths: tuple[str, ...], where: str | None, limit: int, show_sql: bool, output: Output) -> None:
    """Lines that could not be read, each with its reason.

    Every one of them is kept whole; on a terminal it is cut to the window.
    """
    from chatlogs.asking.queries import Filters

    answer("rejects", paths, Filters(where=where, limit=limit), show_sql, output)


@click.command(cls=Command, name="audit", help=_help(AUDIT), epilog=_epilog(AUDIT))
@paths_argument()
@click.option("--count-tokens", cls=Option, is_flag=True, help="Count answers without usage by a tokenizer, offline.")
@filter_options(keys=True)
@output_options
@common_options
def audit(paths: tuple[str, ...], count_tokens: bool, filters: Filters, show_sql: bool, output: Output) -> None:
    answer("audit", paths, filters, show_sql, output, count_tokens=count_tokens)


def answer(
    name: str,
    paths: tuple[str, ...],
    filters: Filters,
    show_sql: bool,
    output: Output,
    *,
    count_tokens: bool = False,
    told: bool = True,
) -> None:
    """Ask a report and write its answer; below a table, what it does not show."""
    from chatlogs.asking.queries import build
    from chatlogs.tally import counted
    from chatlogs.telling import asked as asking

    output.chosen  # noqa: B018  A format or a column that cannot be is told before hours of reading.
    build(name, filters)
    with opened(paths) as logs:
        if show_sql:
            return show_query(logs, name, filters)
        asked = asking.ask(name, logs, filters, total=output.for_people, notes=not setting("quiet"))
        if count_tokens:
            asked = replace(asked, frame=logs.with_counts(asked.frame, filters))
        shown = asked.shown if output.for_people else asked.frame
        output.write(shown, asked.look(str(setting("color") or "auto")) if output.for_people else None)
        if told and not setting("quiet"):
            if shown.height < asked.frame.height:
                left_out = counted(asked.frame.height - shown.height, "rows")
                tell(f"{left_out} with nothing to tell left out of the table; --json has all")
            for note in notes.of_report(asked):
                tell(note)


def _plain(report: Report) -> click.Command:
    """The command of a report that has no options of its own."""

    @paths_argument()
    @filter_options(keys=True)
    @output_options
    @common_options
    def ask(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
        answer(report.name, paths, filters, show_sql, output)

    return click.command(cls=Command, name=report.name, help=_help(report), epilog=_epilog(report))(ask)


OWN: Mapping[str, click.Command] = {"summary": summary, "audit": audit, "rejects": rejects}
COMMANDS: Mapping[str, click.Command] = {name: OWN.get(name) or _plain(report) for name, report in REPORTS.items()}
