"""Commands that answer a named question: one for each report.

The rule: what a report is stands in reports.REPORTS; here is how it is asked for and shown.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from chatlogs.asking.measures import HOUR, Report
from chatlogs.asking.reports import REPORTS
from chatlogs.cli.inputs import opened
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

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters
    from chatlogs.telling.tables import Look

Notes = Callable[["Logs", "pl.DataFrame", "Filters"], list[str]]


@click.command(cls=Command, name="summary", epilog="Python: chatlogs.open(STORE).summary()")
@paths_argument()
@filter_options(keys=False)
@output_options
@common_options
def summary(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
    """What is in these logs, on one screen."""
    from chatlogs.cli import screens

    if show_sql or not output.for_people:
        return answer("summary", paths, filters, show_sql, output)
    with opened(paths) as logs:
        screens.summary(logs, filters, output, str(setting("color") or "auto"))
        tell(screens.next_steps(logs, paths))


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

    def notes(logs: Logs, frame: pl.DataFrame, _: Filters) -> list[str]:
        total = int(logs.sql("select count(*) as n from rejects").item())
        if not total:
            return ["no line was rejected"]
        cut = limit and frame.height == limit and total > limit
        return [f"{frame.height:,} of {total:,} rejected lines shown; -n 0 shows all"] if cut else []

    answer("rejects", paths, Filters(where=where, limit=limit), show_sql, output, notes)


def answer(
    name: str, paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output, notes: Notes | None = None
) -> None:
    """Ask a report and write its answer; below a table, what it does not show."""
    from chatlogs.asking.queries import build

    output.chosen  # noqa: B018  A format or a column that cannot be is told before hours of reading.
    build(name, filters)
    with opened(paths) as logs:
        if show_sql:
            click.echo(logs.show_sql(name, filters) + ";")
            if logs.ingest_report is not None:
                tell("this reads a temporary store that is gone by now; ingest the logs with -o STORE and ask again")
            return
        frame = logs.ask(name, filters)
        output.write(frame, _look(name, logs, filters, output))
        for note in notes(logs, frame, filters) if notes else []:
            tell(note)
        for note in _filter_notes(logs, frame, filters):
            tell(note)


def _look(name: str, logs: Logs, filters: Filters, output: Output) -> Look | None:
    from chatlogs.asking.queries import build
    from chatlogs.telling.tables import Look

    if not output.for_people:
        return None
    report = REPORTS[name]
    keys = build(name, filters).keys
    total = logs.ask(name, dataclasses.replace(filters, by=[], sort=(), limit=0)) if report.total and keys else None
    return Look(
        units={"hour": HOUR} | {measure.name: measure.unit for measure in report.measures},
        hidden=frozenset(measure.name for measure in report.measures if not measure.shown),
        nulls=dict.fromkeys(keys, "(none)") | dict(report.nulls),
        bar=report.bar or None,
        grouped=keys if report.bar else (),
        total=total,
        spare=report.spare,
        least_text=14 if name == "rejects" else Look.least_text,
        color=str(setting("color") or "auto"),
    )


def _usage_notes(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    """What the sums leave out."""
    from chatlogs.telling import tables

    by_status = logs.ask("usage", dataclasses.replace(filters, by=["status"], sort=(), limit=0))
    missing, total = int(by_status["no_usage"].sum()), int(by_status["responses"].sum())
    if not missing:
        return []
    statuses = by_status.sort("status").select("status", "no_usage").rows()
    known = ", ".join(f"{count:,} {status}" for status, count in statuses if count and status != "complete")
    why = f" ({known})" if known else ""
    return [f"{missing:,} of {tables.counted(total, 'responses')} without usage{why}: the sums leave them out"]


def _finish_notes(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    from chatlogs.telling import tables

    unseen = int(frame.filter(frame["finish_reason"].is_null())["choices"].sum())
    if not unseen:
        return []
    return [f"{tables.counted(unseen, 'choices')} never got a finish_reason: the stream was cut off, or it failed"]


def _filter_notes(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    """Why an answer may be smaller than expected."""
    from chatlogs.telling import tables

    notes = []
    if filters.since is not None or filters.until is not None:
        timeless = int(logs.sql("select count(*) as n from completions where created is null").item())
        if timeless:
            notes.append(f"{tables.counted(timeless, 'responses')} without a time: --since and --until leave them out")
    if not frame.height and filters.model:
        models = logs.sql("select model from completions group by all order by count(*) desc, model limit 8")
        notes.append(f"no model matches; these logs hold: {', '.join(map(str, models['model'].to_list()))}")
    elif not frame.height:
        notes.append("nothing matches")
    return notes


NOTES: Mapping[str, Notes] = {"usage": _usage_notes, "finish": _finish_notes}


def _plain(report: Report) -> click.Command:
    """The command of a report that has no ways of its own."""

    @paths_argument()
    @filter_options(keys=True)
    @output_options
    @common_options
    def ask(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
        answer(report.name, paths, filters, show_sql, output, NOTES.get(report.name))

    help = f"{report.title}\n\n{inspect.cleandoc(report.help)}"
    epilog = f"Python: chatlogs.open(STORE).{report.twin}"
    return click.command(cls=Command, name=report.name, help=help, epilog=epilog)(ask)


COMMANDS: Mapping[str, click.Command] = {
    **{report.name: _plain(report) for report in REPORTS.values()},
    "summary": summary,
    "rejects": rejects,
}
